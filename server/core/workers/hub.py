"""The workers that this process serves, and which of them is woken by what."""

from __future__ import annotations

import asyncio
from contextvars import Context
from typing import Any

from sqlalchemy import select

from server.core.queue.claims import CLAIMABLE_AFTER, Claims
from server.core.queue.fencing import is_current
from server.core.queue.routing.capacity import rooms
from server.core.workers.claim_loop import AGENT, ClaimLoop
from server.core.workers.consumer import Consumer, PollingConsumer
from server.core.workers.reports import WorkerReports
from server.errors import NotFound, Unavailable
from server.model import Event, Task, Worker, resource_of
from server.store.database import Database
from server.store.feed import Feeds
from server.store.forever import forever
from server.store.statement import Statement

# Which events end a lease, and so may make room.
LEASE_ENDS = frozenset(
    {"task.completed", "task.failed", "task.cancelled", "task.released", "task.retrying", "task.taken"}
)
# What another process has committed is looked for at most so often, and less often where there are many agents.
REMOTE_SECONDS = 0.005
REMOTE_SECONDS_PER_AGENT = 0.0001
REMOTE_CANCEL_SECONDS = 0.2

_tasks = Task.table().c
_TO_CANCEL = Statement[Any](
    select(_tasks.id).where(
        _tasks.status == "running", _tasks.cancel_requested_at.is_not(None), _tasks.lease_holder.like("worker/%")
    )
)


class WorkerHub:
    """The workers that this process serves."""

    def __init__(
        self, database: Database, claims: Claims, reports: WorkerReports, feeds: Feeds, *, lease_seconds: float
    ) -> None:
        self.database = database
        self.lease_seconds = lease_seconds
        self._claims = claims
        self._reports = reports
        self._feeds = feeds
        self._claim_loops: dict[str, ClaimLoop] = {}
        self._by_organization: dict[str, dict[ClaimLoop, None]] = {}
        # Who holds a task, and the last connection of each worker.
        self._holders: dict[str, Consumer] = {}
        self._connected: dict[str, Consumer] = {}
        self._remote: asyncio.TimerHandle | None = None
        self._looked = 0.0
        self._remote_cancel = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None

    @property
    def heartbeat_seconds(self) -> float:
        """How often a worker has to say that it lives."""
        return min(self.lease_seconds / 3, 5.0)

    async def join(self, consumer: Consumer, *, connected: bool = False) -> None:
        """From now on the worker gets tasks. `connected` for one that stays, which takes the place of an earlier one.

        Raises Unavailable, and NotFound where the agent is gone.
        """
        agent = await self.database.one(AGENT, agent=consumer.worker.agent_id)
        if agent is None:
            raise NotFound("agent", consumer.worker.agent_id)
        if self._feeds.closed:
            raise Unavailable("the server is stopping; connect again")
        if self._loop is None:
            # Where no worker ever comes, nothing need be looked at.
            self._feeds.on_change.append(self._changed)
            self._loop = asyncio.create_task(forever("cancel for workers", self._cancel_remote), context=Context())
        if connected:
            earlier = self._connected.get(consumer.worker.id)
            if earlier is not None and earlier.worker.connection > consumer.worker.connection:
                # It has been overtaken on its way here.
                raise _superseded()
            self._connected[consumer.worker.id] = consumer
            if earlier is not None:
                self._supersede(earlier)
        for task_id in consumer.book.held:
            self._holders[task_id] = consumer
        claim_loop = self._claim_loops.get(agent.id)
        if claim_loop is None:
            claim_loop = self._claim_loops[agent.id] = ClaimLoop(self.database, agent, self.claim, self.hand_over)
            self._by_organization.setdefault(agent.organization_id, {})[claim_loop] = None
        claim_loop.add(consumer)

    async def claim_at_once(self, worker: Worker, limit: int) -> list[Task]:
        """Up to `limit` tasks for a worker that does not wait, each with a new lease, as far as it has room."""
        # Who asks while it is full costs no write.
        if (await rooms(self.database, [worker.id])).get(worker.id, 0) <= 0:
            return []
        return await self._claims.claim_within(worker, limit)

    async def claim(self, consumer: Consumer, limit: int) -> list[Task]:
        """Up to `limit` tasks for a worker. One that has connected again, in whichever process, gets none here."""
        worker = consumer.worker
        if isinstance(consumer, PollingConsumer):
            return await self._claims.claim_within(worker, limit)
        if self._connected.get(worker.id) is not consumer:
            # It has left while tasks were looked for. Its next connection, if any, counts its own room.
            if (claim_loop := self._claim_loops.get(worker.agent_id)) is not None:
                claim_loop.wake.set()
            return []
        connection = (worker.id, worker.connection)
        claimed = await self._claims.claim_of(worker.agent_id, worker.holder, limit, connection)
        if not claimed and not await is_current(self.database, *connection):
            self._supersede(consumer)
        return claimed

    def _supersede(self, consumer: Consumer) -> None:
        consumer.stop(_superseded())
        claim_loop = self._claim_loops.get(consumer.worker.agent_id)
        if claim_loop is not None:
            # What it was asked to take is left for the others.
            claim_loop.wake.set()
        self.leave(consumer)

    def leave(self, consumer: Consumer) -> None:
        """The worker gets no more tasks here. What it holds stays its own."""
        consumer.closed = True
        for task_id in consumer.book.held:
            if self._holders.get(task_id) is consumer:
                del self._holders[task_id]
        if self._connected.get(consumer.worker.id) is consumer:
            del self._connected[consumer.worker.id]
        claim_loop = self._claim_loops.get(consumer.worker.agent_id)
        if claim_loop is None or consumer not in claim_loop.consumers:
            return
        claim_loop.remove(consumer)
        if not claim_loop.consumers:
            claim_loop.close()
            del self._claim_loops[claim_loop.agent_id]
            claim_loops = self._by_organization[claim_loop.organization_id]
            del claim_loops[claim_loop]
            if not claim_loops:
                del self._by_organization[claim_loop.organization_id]

    def drop(self, consumer: Consumer, task_id: str, attempt: int) -> bool:
        """A lease of the worker has ended, so it has room for another one. Whether it was known."""
        if consumer.book.held.get(task_id) != attempt:
            return False
        del consumer.book.held[task_id]
        if self._holders.get(task_id) is consumer:
            del self._holders[task_id]
        claim_loop = self._claim_loops.get(consumer.worker.agent_id)
        if claim_loop is not None and claim_loop.more:
            claim_loop.wake.set()
        return True

    async def hand_over(self, consumer: Consumer, claimed: list[Task]) -> None:
        """Gives a worker what was claimed for it, or the queue where it has left meanwhile."""
        if consumer.closed or consumer.draining:
            await self._reports.give_back_undelivered(consumer.worker, [(task.id, task.attempt) for task in claimed])
            return
        new = [task for task in claimed if consumer.book.held.get(task.id) != task.attempt]
        for task in new:
            consumer.book.held[task.id] = task.attempt
            self._holders[task.id] = consumer
        if new:
            consumer.give(new)

    def _changed(self, events: list[Event] | None) -> None:
        if not self._claim_loops:
            return
        if events is None:
            self._from_elsewhere()
            return
        for event in events:
            values = event.values()
            kind = values["type"]
            if kind in CLAIMABLE_AFTER:
                self._wake(values["agent_id"], values["organization_id"])
            if kind in LEASE_ENDS:
                self._ended(event)
            elif kind == "task.cancel_requested":
                consumer = self._holders.get(values["resource_id"])
                if consumer is not None:
                    consumer.cancel(values["resource_id"])
                else:
                    # It may have been claimed here a moment ago.
                    self._remote_cancel.set()
            elif kind.startswith("agent."):
                self._agent_changed(kind, values["resource_id"], values["organization_id"])

    def _wake(self, agent_id: str | None, organization: str) -> None:
        if agent_id is None:
            for claim_loop in self._by_organization.get(organization, ()):
                claim_loop.wake.set()
        elif (found := self._claim_loops.get(agent_id)) is not None:
            found.arrived()

    def _ended(self, event: Event) -> None:
        values = event.values()
        consumer = self._holders.get(values["resource_id"])
        # What a person has taken is its agent's no more.
        agent_id = values["agent_id"] or (consumer.worker.agent_id if consumer is not None else "")
        claim_loop = self._claim_loops.get(agent_id)
        if claim_loop is not None:
            claim_loop.ended()
        if consumer is None or not (attempt := consumer.book.held.get(values["resource_id"])):
            return
        # Not its own word, and not about an attempt of somebody before: then it has been taken from the worker.
        known = (values["resource_id"], attempt) in consumer.book.settling
        if not known and _attempt_ended_by(event) == attempt:
            consumer.lose(values["resource_id"])

    def _agent_changed(self, kind: str, agent_id: str, organization: str) -> None:
        if kind == "agent.deleted" and agent_id in self._claim_loops:
            for consumer in list(self._claim_loops[agent_id].consumers):
                consumer.stop(NotFound("agent", f"agent_{agent_id}"))
        self._wake(agent_id, organization)
        if kind in ("agent.inactive", "agent.lost", "agent.deleted"):
            # What was routed to it goes to others.
            self._wake(None, organization)

    def _from_elsewhere(self) -> None:
        if self._feeds.closed:
            for claim_loop in list(self._claim_loops.values()):
                for consumer in list(claim_loop.consumers):
                    consumer.stop(Unavailable("the server is stopping; connect again"))
        self._remote_cancel.set()
        if self._remote is None:
            loop = asyncio.get_running_loop()
            pause = max(REMOTE_SECONDS, REMOTE_SECONDS_PER_AGENT * len(self._claim_loops))
            self._remote = loop.call_at(max(loop.time(), self._looked + pause), self._look_everywhere)

    def _look_everywhere(self) -> None:
        self._remote = None
        self._looked = asyncio.get_running_loop().time()
        for claim_loop in self._claim_loops.values():
            claim_loop.wake.set()

    async def _cancel_remote(self) -> None:
        """Looks for cancellations that another process has recorded."""
        while True:
            await self._remote_cancel.wait()
            self._remote_cancel.clear()
            if self._holders:
                for row in await self.database.all(_TO_CANCEL):
                    consumer = self._holders.get(row[0])
                    if consumer is not None:
                        consumer.cancel(row[0])
            await asyncio.sleep(REMOTE_CANCEL_SECONDS)


def _attempt_ended_by(event: Event) -> int:
    """Which attempt an event of a task ends."""
    task = event.record or resource_of(event)
    # Whoever takes a task counts as the next attempt at it.
    return task.attempt - (event.type == "task.taken") if isinstance(task, Task) else 0


def _superseded() -> Unavailable:
    """What a connection is told that is no longer its worker's present one."""
    return Unavailable("the worker has connected again")
