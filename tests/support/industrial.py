"""A client of the Industrial API over a real channel."""

from __future__ import annotations

import json
import uuid
from typing import Any
from urllib.parse import unquote

import grpc
import pytest
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc.error_details_pb2 import ErrorInfo
from google.protobuf.struct_pb2 import Value
from google.rpc.status_pb2 import Status
from orchestrator.industrial.v1 import agent_service_pb2, session_service_pb2, task_service_pb2

from server.worker.values import from_value, to_value
from server.core.coding.templates import templates
from server.settings import ApiSettings
from tests.support.waiting import eventually

SERVICES = [
    module.DESCRIPTOR.services_by_name[name]
    for module, name in (
        (session_service_pb2, "SessionService"),
        (agent_service_pb2, "AgentService"),
        (task_service_pb2, "TaskService"),
    )
]
METHODS = {method.name: (service, method) for service in SERVICES for method in service.methods}
SKILLS = sorted({word for template in templates().values() for part in template.parts for word in part.capabilities})
GATEWAY = ("x-envoy-original-path", "/api/v1/tested")
ACTIONS = {
    "start": "StartSession",
    "pause": "PauseSession",
    "resume": "ResumeSession",
    "cancel": "CancelSession",
    "complete": "CompleteSession",
    "fail": "FailSession",
    "retry": "RetrySession",
}


class Refused(Exception):
    """What a call was answered with that did not succeed."""

    def __init__(self, error: grpc.aio.AioRpcError) -> None:
        trailing = dict(error.trailing_metadata())
        self.grpc = error.code()
        self.details: dict[str, Any] = {}
        if "x-error-body" in trailing:
            self.http = int(trailing["x-http-status"])
            body = json.loads(unquote(trailing["x-error-body"]))["error"]
            assert body["request_id"] == trailing["x-request-id"]
            self.code, self.message = body["code"], body["message"]
            self.details = body.get("details", {})
        else:
            info = ErrorInfo()
            Status.FromString(trailing["grpc-status-details-bin"]).details[0].Unpack(info)
            self.code, self.message, self.details = info.reason, error.details(), dict(info.metadata)
        super().__init__(f"{self.code}: {self.message}")


def missing(message, path="") -> list[str]:
    """The fields that the gateway would leave out of a message."""
    found = []
    for field in message.DESCRIPTOR.fields:
        name, value = f"{path}{field.name}", getattr(message, field.name)
        if field.is_repeated:
            inner = value if field.message_type and not field.message_type.GetOptions().map_entry else ()
            found += [each for index, item in enumerate(inner) for each in missing(item, f"{name}[{index}].")]
        elif field.has_presence and not message.HasField(field.name):
            found.append(name)
        elif isinstance(value, Value):
            found += [] if value.WhichOneof("kind") else [name]
        elif field.message_type:
            found += missing(value, f"{name}.")
    return found


class Shown:
    """A message as JSON shows it: its values are plain, and null is None."""

    def __init__(self, message) -> None:
        self._message = message

    def __getattr__(self, name: str):
        return _shown(getattr(self._message, name))

    def __eq__(self, other) -> bool:
        return isinstance(other, Shown) and self._message == other._message

    __hash__ = None

    def __repr__(self) -> str:
        return f"Shown({self._message})"


def _shown(value):
    if isinstance(value, Value):
        return from_value(value)
    if isinstance(value, Message) and value.DESCRIPTOR.full_name.startswith("orchestrator."):
        return Shown(value)
    return [_shown(each) for each in value] if type(value).__name__.startswith("RepeatedComposite") else value


class Industrial:
    """Calls as a client of this API makes them; `http` asks for errors as the gateway hands them on."""

    def __init__(self, channel: grpc.aio.Channel, metadata) -> None:
        self.channel, self.metadata = channel, tuple(metadata)
        self.trailing: dict[str, str] = {}

    async def __call__(self, method_name: str, /, *, http: bool = False, headers=(), **fields):
        service, method = METHODS[method_name]
        request, answer = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
        call = self.channel.unary_unary(
            f"/{service.full_name}/{method_name}", request_serializer=request.SerializeToString, response_deserializer=answer.FromString
        )
        given = {key: _field(method.input_type.fields_by_name[key], value) for key, value in fields.items() if value is not None}
        extra = (GATEWAY,) if http else ()
        made = call(request(**given), metadata=(*self.metadata, *extra, *headers))
        try:
            answered = await made
        except grpc.aio.AioRpcError as error:
            raise Refused(error) from None
        self.trailing = dict(await made.trailing_metadata())
        # Of every answer in every test: what has no value is null, and there.
        assert not missing(answered), missing(answered)
        return Shown(answered)

    async def refused(self, method_name: str, /, **given) -> Refused:
        with pytest.raises(Refused) as caught:
            await self(method_name, **given)
        return caught.value

    async def session(self, title="s", *, started=False, **more):
        made = await self("CreateSession", title=title, **more)
        return await self("StartSession", session_id=made.id) if started else made

    async def act(self, action: str, session, **more):
        return await self(ACTIONS[action], session_id=session.id, **more)

    async def get(self, session):
        return await self("GetSession", session_id=session.id)

    async def agent(self, *capabilities, name="", type="BACKEND", **more):
        name = name or f"AGENT-{uuid.uuid4().hex[:8]}"
        return await self("RegisterAgent", name=name, type=type, capabilities=capabilities, **more)

    async def task(self, session, *capabilities, title="t", **more):
        return await self("CreateTask", session_id=session.id, title=title, required_capabilities=capabilities, **more)

    async def see(self, task):
        return await self("GetTask", task_id=task.id)

    async def becomes(self, task, status: str, seconds: float = 10.0):
        async def look():
            seen = await self.see(task)
            return seen if seen.status == status else None

        return await eventually(look, seconds)

    async def session_becomes(self, session, status: str):
        async def look():
            seen = await self.get(session)
            return seen if seen.status == status else None

        return await eventually(look)


def _field(field, value):
    kind = field.message_type.full_name if field.message_type is not None else ""
    if kind == "google.protobuf.Value":
        return to_value(value)
    return to_value(value).struct_value if kind == "google.protobuf.Struct" else value


def with_bounds_lifted(settings, **extra):
    lifted = {name: ApiSettings(requests_per_minute=1_000_000) for name in ("industrial", "")}
    return settings.model_copy(update={"apis": lifted, "requests_per_hour": 1_000_000, **extra})


async def able(api: Industrial, *skills, room=50):
    """An agent that can do all of it."""
    return await api.agent(*(skills or SKILLS), max_concurrent_tasks=room)


async def given(api: Industrial, session, agent, **more):
    """A task that somebody has given to this agent."""
    task = await api.task(session, **more)
    return await api("AssignTask", task_id=task.id, agent_id=agent.id)


async def begun(api: Industrial, session, agent, **more):
    task = await given(api, session, agent, **more)
    return await api("BeginTask", agent_id=agent.id, task_id=task.id)


async def result(api: Industrial, agent, task, **more):
    return await api("SendResult", agent_id=agent.id, task_id=task.id, **more)


async def apart(api: Industrial, session, template="CRUD", **more):
    """A task that has been taken apart, and its parts by the template's keys."""
    task = await api.task(session, title="Login", description="with passkeys", **more)
    answer = await api("DecomposeTask", task_id=task.id, template=template)
    keys = [part.key for part in templates()[template].parts]
    return task, dict(zip(keys, answer.subtasks, strict=True))


async def task_in(api: Industrial, session, agent, state: str):
    if state == "BLOCKED":
        task = await api.task(session, dependencies=[(await api.task(session)).id])
    elif state == "PENDING":
        task = await api.task(session)
    else:
        task = await given(api, session, agent)
        if state not in ("QUEUED", "CANCELLED"):
            task = await api("UpdateTaskStatus", task_id=task.id, status="IN_PROGRESS")
        if state in ("COMPLETED", "FAILED", "CANCELLED"):
            task = await api("UpdateTaskStatus", task_id=task.id, status=state)
    assert task.status == state
    return task
