from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from server.core.identity import api_keys
from server.core.queue.creation import NewTask
from server.core.shared.call_context import Call, Caller
from server.core.shared.count_cache import CountCache
from server.core.tasks.details import by_people
from server.core.tasks.editing import Edit, TaskEditing
from server.core.tasks.history import TaskHistory
from server.core.tasks.moves import TaskMoves
from server.core.tasks.search import TaskSearch
from server.core.tasks.waiting import TaskWaiting
from server.model import Task, TaskStatus
from tests.support.world import World


@dataclass
class Board:
    """What people do with tasks, in one organization; `me` and `other` are two of them."""

    world: World
    me: Caller
    other: Caller

    def __post_init__(self) -> None:
        database = self.world.database
        self.editing = TaskEditing(database)
        self.moves = TaskMoves(database)
        self.search = TaskSearch(database, CountCache(database))
        self.history = TaskHistory(database)
        self.waiting = TaskWaiting(database)

    def call(self, caller: Caller | None = None, **values: object) -> Call:
        return Call(replace(caller or self.me, **values), "request", "method")

    async def task(self, title: str = "Ask", **given: object) -> Task:
        return await self.world.tasks.create(self.call(), by_people(NewTask(title=title, **given)))

    async def move(self, task: Task, to: TaskStatus, caller: Caller | None = None, *, if_match: int = 0) -> Task:
        call = self.call(caller)
        call.require_version(if_match)
        return await self.editing.update(call, task.id, Edit(status=to))


@pytest.fixture
async def board(world: World) -> Board:
    me = world.tenant.caller
    key, _ = await api_keys.create_key(world.database, organization=f"Org of another {me.key_id}", name="test")
    # Another person of the same organization.
    return Board(world, me, replace(me, user_id=key.user_id))
