"""One resource as each API calls it, so that one suite can ask the same of all of them, over a real channel."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf.message_factory import GetMessageClass

from server.worker.values import to_value


@dataclass(frozen=True)
class Wording:
    """The methods and fields by which an API makes, shows, changes and lists a resource."""

    module: str
    service: str
    # Methods, each with what it is given beside the id.
    make: tuple[str, dict[str, Any]]
    change: tuple[str, dict[str, Any]]
    see: str
    many: str
    # The fields of the id in a request, of the page's size in a request, and of the rows in an answer.
    id: str
    size: str
    rows: str
    # By a token, by an offset or by a number.
    pages: str
    # A second change, if it is not the same method again, and the field of the version that a change is based on; the
    # header If-Match has it where there is none.
    again: str = ""
    version: str = ""
    # Where an answer holds the resource, if it is not the answer itself.
    inside: str = ""
    # What its statuses are after it was made, leased and completed.
    statuses: tuple[str, str, str] = field(default=("", "", ""))


SESSIONS = {
    "native": Wording(
        "orchestrator.v1.session_service_pb2", "SessionService",
        ("CreateSession", {"name": "n"}), ("UpdateSession", {"description": "d"}), "GetSession", "ListSessions",
        "id", "page_size", "sessions", "page_token", version="version",
    ),
    "agent orchestration": Wording(
        "orchestrator.agent_orchestration.v1.session_service_pb2", "SessionService",
        ("CreateSession", {"name": "n"}), ("UpdateSession", {"description": "d"}), "GetSession", "ListSessions",
        "session_id", "limit", "sessions", "offset",
    ),
    "industrial": Wording(
        "orchestrator.industrial.v1.session_service_pb2", "SessionService",
        ("CreateSession", {"title": "n"}), ("StartSession", {}), "GetSession", "ListSessions",
        "session_id", "page_size", "items", "page", again="PauseSession",
    ),
}  # fmt: skip
# `agent`, `session` and `capability` in a request stand for those of the test.
TASKS = {
    "native": Wording(
        "orchestrator.v1.task_service_pb2", "TaskService",
        ("CreateTask", {"agent_id": "agent"}), ("CancelTask", {}), "GetTask", "ListTasks",
        "id", "page_size", "tasks", "page_token",
        statuses=("TASK_STATUS_PENDING", "TASK_STATUS_RUNNING", "TASK_STATUS_COMPLETED"),
    ),
    "agent orchestration": Wording(
        "orchestrator.agent_orchestration.v1.execution_service_pb2", "ExecutionService",
        ("ExecuteAgent", {"agent_id": "agent", "wait": False, "input_data": {}}), ("CancelExecution", {}),
        "GetExecution", "ListExecutions",
        "execution_id", "limit", "executions", "offset",
        statuses=("pending", "running", "completed"),
    ),
    "agent operations": Wording(
        "orchestrator.agent_operations.v1.task_service_pb2", "TaskService",
        ("CreateTask", {"agent_id": "agent", "type": "x"}), ("CancelTask", {}), "GetTask", "ListTasks",
        "task_id", "limit", "data", "page", inside="data",
        statuses=("pending", "running", "completed"),
    ),
    "industrial": Wording(
        "orchestrator.industrial.v1.task_service_pb2", "TaskService",
        ("CreateTask", {"session_id": "session", "title": "t", "required_capabilities": ["capability"]}),
        ("UpdateTaskStatus", {"status": "CANCELLED"}), "GetTask", "ListTasks",
        "task_id", "page_size", "items", "page",
        statuses=("QUEUED", "IN_PROGRESS", "COMPLETED"),
    ),
}  # fmt: skip


class Speaker:
    """A caller who speaks in one wording."""

    def __init__(
        self, wording: Wording, channel: grpc.aio.Channel, metadata, names: dict[str, str] | None = None
    ) -> None:
        self.wording, self._channel, self._metadata, self.names = wording, channel, tuple(metadata), names or {}
        self._service = importlib.import_module(wording.module).DESCRIPTOR.services_by_name[wording.service]

    async def make(self, key: str = "", **more: Any) -> Any:
        method, fields = self.wording.make
        return await self._one(method, {**fields, **more}, (("idempotency-key", key),) if key else ())

    async def see(self, id: str) -> Any:
        return await self._one(self.wording.see, {self.wording.id: id})

    async def change(self, id: str, *, again: bool = False, version: int = 0) -> Any:
        """Changes it, or does so again, where it is still in this version, if one is given."""
        wording = self.wording
        method, fields = wording.change
        method = wording.again if again and wording.again else method
        expected = {wording.version: version} if wording.version and version else {}
        headers = (("if-match", f'"{version}"'),) if version and not wording.version else ()
        return await self._one(method, {wording.id: id, **fields, **expected}, headers)

    async def ids(self, size: int = 2) -> list[str]:
        """The ids of all rows, by pages of `size`."""
        found: list[str] = []
        place: Any = {"page_token": "", "offset": 0, "page": 1}[self.wording.pages]
        while True:
            page = await self._ask(self.wording.many, {self.wording.size: size, self.wording.pages: place})
            rows = getattr(page, self.wording.rows)
            found += [row.id for row in rows]
            assert len(rows) <= size
            place = {
                "page_token": getattr(page, "next_page_token", ""),
                "offset": len(found),
                "page": len(found) // size + 1,
            }[self.wording.pages]
            if len(rows) < size or place == "":
                return found

    def status(self, resource: Any) -> str:
        """The status in the words of the API, an enum's by its name."""
        enum = resource.DESCRIPTOR.fields_by_name["status"].enum_type
        return enum.values_by_number[resource.status].name if enum is not None else resource.status

    async def _one(self, method: str, fields: dict[str, Any], headers=()) -> Any:
        answer = await self._ask(method, fields, headers)
        return getattr(answer, self.wording.inside) if self.wording.inside else answer

    async def _ask(self, name: str, fields: dict[str, Any], headers=()) -> Any:
        method = self._service.methods_by_name[name]
        request, answer = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
        call = self._channel.unary_unary(
            f"/{self._service.full_name}/{name}",
            request_serializer=request.SerializeToString,
            response_deserializer=answer.FromString,
        )(request(**{key: self._given(value) for key, value in fields.items()}), metadata=(*self._metadata, *headers))
        return await call

    def _given(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._given(each) for each in value]
        if isinstance(value, dict):
            return to_value(value)
        return self.names.get(value, value) if isinstance(value, str) else value
