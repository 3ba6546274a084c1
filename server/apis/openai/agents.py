"""OpenAI: agents with a model as models, each of whose answers is a task of the agent's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from server import values
from server.apis.openai.errors import ModelNotFound
from server.apis.openai.requests import Asked
from server.core.agents.registry import AgentRegistry
from server.core.chat.questions import MAX_MESSAGE_BYTES
from server.core.models.port import ModelMessage, ModelTimeout
from server.core.queue.creation import NewTask
from server.core.shared.call_context import Call
from server.core.shared.json_schema import check_schema
from server.core.tasks.commands import TaskCommands
from server.core.tasks.queries import TaskQueries
from server.errors import Forbidden, InvalidRequest, NotFound, ServiceError, Unavailable
from server.model import ENDED, Agent, AgentRuntime, Answer, AnswerStatus, Task, TaskStatus

AGENT = "agent/"
LISTED = 200
_MODE = "agent"


class AgentModels:
    """The agents of every organization that think with a model; each call sees its own."""

    def __init__(
        self, agents: AgentRegistry, tasks: TaskCommands, queries: TaskQueries, *, seconds: float, silence: float
    ) -> None:
        self._agents = agents
        self._tasks = tasks
        self._queries = queries
        # How long an answer may take, and after how long somebody who waits hears that it goes on.
        self._seconds = seconds
        self._silence = silence
        self._abandoned: set[asyncio.Task[None]] = set()

    async def names(self, call: Call) -> Sequence[str]:
        """What its agents are called as models: by their names, or where several have the same one by their ids."""
        if not call.caller.may("agents:read"):
            return ()
        page = await self._agents.slice(call, limit=LISTED, offset=0, runtime=AgentRuntime.MODEL.value)
        named = [agent.name for agent in page.rows]
        return [f"{AGENT}{agent.name if named.count(agent.name) == 1 else f'agent_{agent.id}'}" for agent in page.rows]

    async def find(self, call: Call, model: str) -> Agent:
        """The agent of this name or id. Raises ModelNotFound, InvalidRequest where several are called so."""
        try:
            found = await self._agents.named(call, model.removeprefix(AGENT))
        except NotFound:
            raise ModelNotFound(model) from None
        if len(found) > 1:
            raise InvalidRequest("model", "several agents are called so: name one by its id, agent/agent_…")
        if found[0].runtime != AgentRuntime.MODEL:
            raise ModelNotFound(model)
        return found[0]

    async def answer(self, call: Call, asked: Asked) -> AsyncGenerator[Answer, None]:
        """The answer as it stands now and then, and when it has ended; whoever hears no more of it has it cancelled.

        Raises ModelNotFound, InvalidRequest, Forbidden, Unavailable.
        """
        if not call.caller.may("tasks:write"):
            raise Forbidden("an agent is given a task, for which the key lacks the scope tasks:write")
        agent = await self.find(call, asked.model)
        making = asyncio.ensure_future(self._tasks.create(call, _new_task(agent, asked)))
        until, ended = asyncio.get_running_loop().time() + self._seconds, False
        try:
            task = await asyncio.shield(making)
            while task.status not in ENDED:
                left = until - asyncio.get_running_loop().time()
                if left <= 0:
                    raise ModelTimeout(f"the agent took longer than {self._seconds:g} seconds")
                before = asyncio.get_running_loop().time()
                task = await self._queries.wait(call, task, min(self._silence, left))
                if task.status in ENDED:
                    break
                if asyncio.get_running_loop().time() - before < min(self._silence, left) / 2:
                    raise Unavailable("the server is stopping")
                yield _answer(agent, task)
            ended = True
            yield _answer(agent, task, await self._queries.tokens(task))
        finally:
            if not ended:
                work = asyncio.create_task(self._cancel(call, making))
                self._abandoned.add(work)
                work.add_done_callback(self._abandoned.discard)

    async def _cancel(self, call: Call, making: asyncio.Future[Task]) -> None:
        # Where it was refused there is nothing to end; where the store is away, nobody to tell.
        with suppress(ServiceError):
            await self._tasks.cancel(call, (await making).id)


def _new_task(agent: Agent, asked: Asked) -> NewTask:
    """The task: to do what the user says last, with what was said before it as data."""
    prompt = asked.prompt
    if prompt.tools and prompt.tool_choice not in (None, "none", "auto"):
        raise InvalidRequest("tools", "are not the agent's: it calls its own")
    if not prompt.asked.strip():
        raise InvalidRequest("messages", "must have a message of the user: an agent answers the last one")
    description = prompt.question.replace("\0", "")
    given: dict[str, Any] = _form(prompt.response_format)
    if before := _before(prompt.messages):
        given["messages"] = before
    try:
        length, encoded = len(description.encode()), values.encode(given)
    except UnicodeEncodeError:
        raise InvalidRequest("messages", "has a surrogate without its other half, which is no text") from None
    except ValueError as error:
        # Messages have no numbers.
        raise InvalidRequest("response_format", str(error)) from None
    if length > 2 * MAX_MESSAGE_BYTES:
        raise InvalidRequest("messages", f"the user's last one must have at most {MAX_MESSAGE_BYTES >> 10} KiB")
    return NewTask(
        agent_id=f"agent_{agent.id}",
        type="chat",
        title=prompt.asked.strip().splitlines()[0][:200],
        description=description,
        input=encoded,
        input_field="messages",
    )


def _before(messages: Sequence[ModelMessage]) -> list[dict[str, str]]:
    last = max((at for at, each in enumerate(messages) if each.role == "user"), default=0)
    return [{"role": each.role, "content": each.content} for each in messages[:last] if each.content]


def _form(wanted: Mapping[str, Any] | None) -> dict[str, Any]:
    """What an input says of the output, for what a request says of the answer."""
    if wanted is None or wanted["type"] == "text":
        return {}
    described = wanted.get("json_schema")
    if wanted["type"] == "json_schema" and isinstance(described, dict):
        check_schema(described.get("schema"), "response_format.json_schema.schema")
        return {"output_schema": described["schema"]}
    return {"output_format": "json"}


def _answer(agent: Agent, task: Task, tokens: tuple[int, int] = (0, 0)) -> Answer:
    """The task as the answer that it is to whoever asks here."""
    status = {
        TaskStatus.COMPLETED: AnswerStatus.COMPLETED,
        TaskStatus.FAILED: AnswerStatus.FAILED,
        TaskStatus.CANCELLED: AnswerStatus.CANCELLED,
    }.get(TaskStatus(task.status), AnswerStatus.RUNNING)
    return Answer.new(
        id=task.id,
        organization_id=task.organization_id,
        owner="",
        status=status.value,
        text=_text(task.output),
        error=task.error,
        stop_reason="stop",
        execution_mode=_MODE,
        answered_by=f"{AGENT}{agent.name}",
        input_tokens=tokens[0],
        output_tokens=tokens[1],
        created_at=task.created_at,
        updated_at=task.updated_at,
    )


def _text(output: bytes | None) -> str:
    """What an agent says: its text, or the object that it gives, as JSON."""
    said = values.decode(output) if output else None
    if isinstance(said, dict) and said.keys() == {"text"} and isinstance(said["text"], str):
        return said["text"]
    return json.dumps(said, ensure_ascii=False) if said is not None else ""
