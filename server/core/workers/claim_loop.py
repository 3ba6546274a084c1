"""One agent's workers in this process, and the loop that finds tasks for them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Any

from sqlalchemy import bindparam, func, select

from server.core.queue.routing.capacity import rooms
from server.core.queue.routing.obstacles import words
from server.core.queue.rows import COUNT_RUNNING
from server.core.workers.consumer import Consumer, PollingConsumer
from server.model import CLAIMABLE, Agent, AgentStatus, Task
from server.store.database import Database
from server.store.forever import forever, set_within
from server.store.statement import Statement

# Looking without having been told is only the safety net.
POLL_SECONDS = 1.0
# How many workers of an agent claim at the same time.
AT_ONCE = 16

_tasks = Task.table().c
_agents = Agent.table().c
AGENT = Statement[Agent](
    select(Agent.table()).where(_agents.id == bindparam("agent"), _agents.deleted_at.is_(None)), Agent
)
_WAITING = Statement[Any](
    select(func.count()).select_from(
        select(_tasks.id)
        .where(CLAIMABLE, _tasks.runtime == bindparam("runtime"), _tasks.agent_id == bindparam("agent"))
        .limit(bindparam("limit"))
        .subquery()
    )
)
_unrouted = (CLAIMABLE, _tasks.organization_id == bindparam("organization"), _tasks.agent_id.is_(None))
_ANY_UNROUTED = Statement[Any](select(_tasks.id).where(*_unrouted).limit(1))
_UNROUTED = Statement[Any](
    select(func.count()).select_from(
        select(_tasks.id).where(*_unrouted, _tasks.route == bindparam("word")).limit(bindparam("limit")).subquery()
    )
)


# Claims for a worker, and gives it what was claimed.
Claim = Callable[[Consumer, int], Awaitable[list[Task]]]
HandOver = Callable[[Consumer, list[Task]], Awaitable[None]]


class ClaimLoop:
    """Claims for the workers of one agent together: a thousand that wait make one look, and one claim a task."""

    def __init__(self, database: Database, agent: Agent, claim: Claim, hand_over: HandOver) -> None:
        self._database = database
        self._claim_for = claim
        self._hand_over = hand_over
        self.agent_id = agent.id
        self.organization_id = agent.organization_id
        self.consumers: dict[Consumer, None] = {}
        # Those among them whose leases are not counted here.
        self._polls: dict[PollingConsumer, None] = {}
        self.wake = asyncio.Event()
        # Whether the last look left tasks behind, because no worker, or not the agent, had room for them.
        self.more = False
        self.ends = 0
        # How many tasks of the agent this process has itself made claimable since the last look.
        self._known = 0
        self._closing = False
        # What it claims is nobody's change, whoever was the first to ask for something.
        self._loop = asyncio.create_task(forever("queue of an agent", self._run), context=Context())

    def add(self, consumer: Consumer) -> None:
        """From now on tasks are found for this worker, too."""
        self.consumers[consumer] = None
        if isinstance(consumer, PollingConsumer):
            self._polls[consumer] = None
        self.wake.set()

    def remove(self, consumer: Consumer) -> None:
        """No more tasks are found for this worker."""
        self.consumers.pop(consumer, None)
        if isinstance(consumer, PollingConsumer):
            self._polls.pop(consumer, None)

    def close(self) -> None:
        """Looks no more; what is being claimed is still handed over, or given back where nobody is left."""
        self._closing = True
        self.wake.set()

    def arrived(self) -> None:
        """A task of the agent has become claimable by a commit of this process."""
        self._known += 1
        self.wake.set()

    def ended(self) -> None:
        """A task of the agent has ended, so that there may be room."""
        self.ends += 1
        if self.more:
            self.wake.set()

    async def _run(self) -> None:
        while not self._closing:
            self.wake.clear()
            await self._look()
            if not self.wake.is_set():
                await set_within(self.wake, POLL_SECONDS * random.uniform(0.75, 1.25))  # noqa: S311

    async def _look(self) -> None:
        ends = self.ends
        if self._polls:
            await self._ask_room()
        free = [consumer for consumer in self.consumers if consumer.room > 0]
        if not free:
            self.more = True
            if self.ends != ends:
                self.wake.set()
            return
        room = sum(consumer.room for consumer in free)
        known, self._known = self._known, 0
        if known and not self.more:
            # Nothing was left behind before, so this is what there is, and reading first would only take time.
            waiting = min(known, room)
        else:
            waiting, room = await self._waiting(room)
        if not waiting:
            if self.more and self.ends != ends:
                self.wake.set()
            return
        # A few each, so that no worker has a queue of its own while others wait.
        share = -(-waiting // len(free))
        chosen = free[: min(AT_ONCE, -(-waiting // share))]
        asked = {consumer: min(share, consumer.room) for consumer in chosen}
        if len(asked) == 1:
            # Mostly so where little happens, and then without a task and turns of the loop.
            claimed = await self._claim(*asked.popitem())
        else:
            claimed = sum(await asyncio.gather(*(self._claim(consumer, limit) for consumer, limit in asked.items())))
        for consumer in chosen:
            # The others come first next time.
            if consumer in self.consumers:
                del self.consumers[consumer]
                self.consumers[consumer] = None
        self.more = claimed < waiting or waiting == room
        if self.more and (claimed > 0 or self.ends != ends or await self._filled_elsewhere(chosen)):
            self.wake.set()

    async def _ask_room(self) -> None:
        polls = list(self._polls)
        found = await rooms(self._database, sorted({poll.worker.id for poll in polls}))
        for poll in polls:
            poll.left = found.get(poll.worker.id, 0)

    async def _filled_elsewhere(self, chosen: Sequence[Consumer]) -> bool:
        """Whether one of those that were asked had no room after all, so that what it did not take is for others."""
        if not any(consumer in self._polls for consumer in chosen):
            return False
        await self._ask_room()
        return any(consumer.room <= 0 for consumer in chosen)

    async def _waiting(self, limit: int) -> tuple[int, int]:
        """How many tasks could be claimed now, and how many the agent has room for: reads, and locks nothing."""
        database = self._database
        agent = await database.one(AGENT, agent=self.agent_id)
        if agent is None or agent.status != AgentStatus.ACTIVE:
            self.more = False
            return 0, 0
        running = await database.one(COUNT_RUNNING, agent=self.agent_id)
        limit = min(limit, agent.max_concurrent_tasks - (running[0] if running is not None else 0))
        if limit <= 0:
            self.more = True
            return 0, 0
        row = await database.one(_WAITING, agent=self.agent_id, runtime=agent.runtime, limit=limit)
        waiting = int(row[0]) if row is not None else 0
        if waiting < limit and await database.one(_ANY_UNROUTED, organization=agent.organization_id) is not None:
            for word in words(agent):
                if waiting < limit:
                    row = await database.one(_UNROUTED, organization=agent.organization_id, word=word, limit=limit)
                    waiting += int(row[0]) if row is not None else 0
        self.more = False
        return min(waiting, limit), limit

    async def _claim(self, consumer: Consumer, limit: int) -> int:
        claimed = await self._claim_for(consumer, limit)
        if claimed:
            await self._hand_over(consumer, claimed)
        return len(claimed)
