"""Asking: another agent of the organization does a part of a task, and the model waits for what comes of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

from server.core.model_work.effects import ask
from server.core.models.turns import Turn
from server.core.shared.call_context import Call, Caller
from server.core.tasks.queries import TaskQueries
from server.core.workers.reports import LogLine
from server.model import ENDED, Task, TaskStatus
from server.work.model_agents.toolbox import ToolRefused, Work, as_output

# How long an answer is waited for.
SECONDS = 240.0


class AskAgent:
    """A task of its own for another agent, whose result the model is told."""

    name = "ask_agent"
    description = (
        "Gives a part of this task to another agent, waits until that has done it, and gives its result. The other one "
        "knows nothing but what you tell it."
    )
    parameters: Mapping[str, Mapping[str, Any]] = {
        "agent": {"type": "string", "description": "The other agent's name, or its id"},
        "task": {"type": "string", "description": "What it is to do, with all that it must know"},
    }
    required: Sequence[str] = ("agent", "task")

    def __init__(self, tasks: TaskQueries, *, at_once: int) -> None:
        self._tasks = tasks
        self._places = asyncio.Semaphore(at_once)

    def obstacle(self, _work: Work) -> str | None:
        """Nothing that is known before: who may be asked is looked at where he is."""
        return None

    async def call(self, work: Work, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """How the other task ended. It is made once, however often this is begun."""
        conversation = work.conversation
        if conversation.asked is None:
            if self._places.locked():
                raise ToolRefused("too many agents wait for others just now: do it yourself")
            effect = await ask(arguments["agent"], arguments["task"])
            await conversation.act(effect, lambda told: Turn("asked", told), LogLine("info", "asks another agent"))
        asked = str(conversation.asked)
        call = Call(Caller(work.task.organization_id, "", "", frozenset({"tasks:read"})), f"task_{work.task.id}")
        async with self._places:
            ended = await self._tasks.wait(call, await self._tasks.get(call, asked), SECONDS)
        if ended.status not in ENDED:
            await conversation.cancel_asked()
            raise ToolRefused(f"it gave no result within {SECONDS:g} seconds, and has been cancelled")
        return await _told(ended)


async def _told(task: Task) -> Mapping[str, Any]:
    told: dict[str, Any] = {"task_id": f"task_{task.id}", "status": task.status}
    if task.status == TaskStatus.COMPLETED:
        return {**told, **await as_output(task.output)}
    return {**told, "error": json.loads(task.error).get("message") if task.error else ""}
