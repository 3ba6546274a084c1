"""Industrial: rows as messages with all that belongs to them, however many they are, and the pages that they are in."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, Protocol, TypeVar

from orchestrator.wire.industrial.v1.session_pb2 import Session as SessionMessage
from orchestrator.wire.industrial.v1.task_pb2 import Task as TaskMessage

from server.apis.industrial.shape import WHOLE, session_message, task_message
from server.core.coding.checkpoints import Checkpoints
from server.core.coding.relations import Relations, TaskRelations
from server.core.sessions.statistics import SessionStatistics
from server.core.shared.call_context import Call
from server.model import Checkpoint, Session, SessionCount, Task

# How many rows are made messages at a time.
AT_ONCE = 25
M = TypeVar("M")
FoundSession = tuple[Session, SessionCount, Sequence[Checkpoint]]


class Paged(Protocol):
    """A request for a page; 0 stands for absent."""

    page: int
    page_size: int


class Views:
    """Tasks and sessions as this API shows them."""

    def __init__(self, relations: TaskRelations, statistics: SessionStatistics, checkpoints: Checkpoints) -> None:
        self._relations = relations
        self._statistics = statistics
        self._checkpoints = checkpoints

    async def task(self, task: Task, call: Call) -> TaskMessage:
        """The task of an answer, whose version goes with it."""
        call.etag = task.version
        return (await self.tasks([task]))[0]

    async def tasks(self, tasks: Sequence[Task], longest: int = WHOLE) -> list[TaskMessage]:
        """Tasks, with texts of so many characters at most."""
        relations = await self._relations.of(tasks)
        pairs = zip(tasks, relations, strict=True)
        return await spread(task_message(task, each, longest=longest) for task, each in pairs)

    async def related(self, tasks: Sequence[Task]) -> dict[str, Relations]:
        """What tasks depend on and how their parts stand, by id."""
        return {task.id: each for task, each in zip(tasks, await self._relations.of(tasks), strict=True)}

    async def session(self, session: Session, call: Call) -> SessionMessage:
        """The session of an answer, whose version goes with it."""
        call.etag = session.version
        return (await self.sessions([session]))[0]

    async def found_session(self, call: Call, identifier: str) -> FoundSession:
        """A session and all that belongs to it. Raises NotFound."""
        session, count = await self._statistics.counted(call, identifier)
        return session, count, (await self._checkpoints.of([session]))[0]

    async def sessions(self, sessions: Sequence[Session], longest: int = WHOLE) -> list[SessionMessage]:
        """Sessions, with texts of so many characters at most."""
        counts = await self._statistics.counts(sessions)
        checkpoints = await self._checkpoints.of(sessions)
        rows = zip(sessions, counts, checkpoints, strict=True)
        return await spread(session_message(*row, longest=longest) for row in rows)


def page_of(request: Paged, default: int) -> tuple[int, int, int]:
    """The page that is meant, its size, and how many rows to skip."""
    page, size = request.page or 1, request.page_size or default
    return page, size, (page - 1) * size


def paged(page: int, size: int, total: int) -> dict[str, Any]:
    """What goes beside the items of a page."""
    return {"total": total, "page": page, "page_size": size, "has_more": page * size < total}


async def spread(messages: Iterable[M]) -> list[M]:
    """The messages, made some at a time: others' turns come between."""
    made: list[M] = []
    for message in messages:
        made.append(message)
        if len(made) % AT_ONCE == 0:
            await asyncio.sleep(0)
    return made
