"""Workers: programs elsewhere that take tasks for an agent, keep their leases and say how it goes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Any

from sqlalchemy import bindparam, select, update

from server.core.agents.presence import LIVE, LOCK_AGENT, mark_absent, mark_present
from server.core.agents.registry import AGENTS
from server.core.queue.fencing import Lease
from server.core.queue.lease_service import LeaseService, release
from server.core.queue.rows import LOCK_HELD
from server.core.shared import idempotency
from server.core.shared.call_context import Call
from server.core.shared.ids import parse_filter
from server.core.shared.pagination import Listing, Page
from server.core.shared.resource import Resource
from server.core.workers.bounds import check_place
from server.errors import Conflict, InvalidRequest, NotFound
from server.model import AgentRuntime, Task, Worker, WorkerStatus, new_id
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Transaction

MAX_CAPACITY = 1000
# How many silent workers are looked at together, and how often in one sweep.
SWEEP = 10
ROUNDS = 1000
PAUSE_SECONDS = 0.01
# A worker that says something all the time is not written down all the time.
TOUCH_MICROSECONDS = 3_000_000

_workers = Worker.table().c
_tasks = Task.table().c
WORKERS = Resource(Worker, "worker")
_HELD = Statement[Task](
    select(Task.table()).where(_tasks.status == "running", _tasks.lease_holder == bindparam("holder")), Task
)
_TOUCH = Statement[Any](
    update(Worker.table())
    .where(_workers.id == bindparam("worker"), _workers.status.in_(LIVE), _workers.last_seen_at <= bindparam("before"))
    .values(last_seen_at=bindparam("now"), silent_at=bindparam("silent_at"))
)
_silent = (_workers.status.in_(LIVE), _workers.silent_at < bindparam("now"))
_ANY_SILENT = Statement[Any](select(_workers.id).where(*_silent).limit(1))
_SILENT = Statement[Worker](
    select(Worker.table())
    .where(*_silent)
    .order_by(_workers.agent_id)
    .limit(SWEEP)
    .with_for_update(key_share=True, skip_locked=True),
    Worker,
)
_LIST = Listing(Worker, [], ["agent_id", "status"], leading=["agent_id"])


class WorkerRegistry:
    """The workers of every organization; each call sees its own."""

    def __init__(
        self, database: Database, leases: LeaseService, *, silent_seconds: float, most: int | None = None
    ) -> None:
        self._database = database
        self._leases = leases
        # How many an agent may have at a time.
        self._most = most
        self._silent = int(silent_seconds * 1_000_000)

    def clock(self) -> int:
        """Now, as the store has it, in microseconds since 1970."""
        return self._database.clock()

    async def connect(
        self, call: Call, *, agent_id: str, capacity: int, name: str = "", worker_id: str = ""
    ) -> tuple[Worker, list[Task]]:
        """A worker that begins, or comes back under its id; and the tasks that it holds.

        Raises NotFound for the agent or the worker, Conflict where the agent is disabled or has code of its own, and
        TooMany where it has as many workers as it may.
        """
        if not 0 < capacity <= MAX_CAPACITY:
            raise InvalidRequest("capacity", f"must be 1 to {MAX_CAPACITY}")

        async def body(transaction: Transaction) -> tuple[Worker, list[Task]]:
            if call.idempotency_key and (made := await idempotency.done(transaction, call)) is not None:
                worker = await WORKERS.lock(transaction, call, made)
                return worker, await transaction.all(_HELD, holder=worker.holder)
            agent = await AGENTS.get(transaction, call, agent_id)
            if agent.runtime == AgentRuntime.PYTHON:
                raise Conflict("the agent runs its own code here, so it takes no workers", reason="NOT_EXTERNAL")
            # Workers are locked before their agent everywhere.
            known = await WORKERS.lock(transaction, call, worker_id) if worker_id else None
            # Somebody may just be disabling it, or its last worker be leaving.
            agent = await transaction.one(LOCK_AGENT, agent=agent.id) or agent
            if agent.disabled_at is not None:
                raise Conflict("the agent is disabled", reason="AGENT_INACTIVE")
            now = transaction.now
            if known is not None:
                if known.agent_id != agent.id:
                    raise NotFound("worker", worker_id)
                if known.status not in LIVE:
                    await check_place(transaction, agent.id, self._most)
                worker = await transaction.update(
                    known,
                    status=WorkerStatus.ACTIVE.value,
                    capacity=capacity,
                    # From now on nobody claims for the one before, wherever its stream lives on.
                    connection=known.connection + 1,
                    name=name or known.name,
                    last_seen_at=now,
                    silent_at=now + self._silent,
                    ended_at=None,
                )
            else:
                await check_place(transaction, agent.id, self._most)
                worker = Worker.new(
                    id=new_id(),
                    organization_id=agent.organization_id,
                    agent_id=agent.id,
                    name=name,
                    capacity=capacity,
                    created_at=now,
                    last_seen_at=now,
                    silent_at=now + self._silent,
                )
                await transaction.insert(worker)
            await mark_present(transaction, agent)
            if call.idempotency_key:
                await idempotency.mark(transaction, call, worker.id)
            return worker, await transaction.all(_HELD, holder=worker.holder)

        return await self._database.write(body)

    async def get(self, call: Call, identifier: str) -> Worker:
        """One worker. Raises NotFound."""
        return await WORKERS.get(self._database, call, identifier)

    async def page(
        self, call: Call, *, size: int, token: str = "", agent_id: str = "", status: str = ""
    ) -> Page[Worker]:
        """Workers newest first, by page token. Raises InvalidRequest."""
        agent = parse_filter("agent_id", "agent", agent_id) if agent_id else None
        given = {"agent_id": agent, "status": status or None}
        return await _LIST.page(self._database, call.organization_id, size=size, token=token, **given)

    async def slice(self, call: Call, *, limit: int, offset: int, agent_id: str = "", status: str = "") -> Page[Worker]:
        """Workers newest first, from an offset, with their number. Raises InvalidRequest."""
        agent = parse_filter("agent_id", "agent", agent_id) if agent_id else None
        given = {"agent_id": agent, "status": status or None}
        return await _LIST.slice(self._database, None, call.organization_id, limit=limit, offset=offset, **given)

    async def held(self, worker: Worker) -> list[Task]:
        """The tasks that a worker has leases on."""
        return await self._database.all(_HELD, holder=worker.holder)

    async def beat(
        self,
        call: Call,
        worker: Worker,
        leases: Iterable[tuple[str, int]],
        *,
        cpu_usage: float | None = None,
        memory_usage: float | None = None,
    ) -> list[Lease]:
        """A sign of life: extends these leases (task and token), as far as the worker has them, and returns those.

        Brings back a worker that was taken for lost. Raises Conflict for one that has left, which connects again to
        come back, NotFound where its agent has been deleted and it has nothing left to end, and TooMany where others
        have taken the place of one that was lost.
        """
        named = list(leases)
        kept = await self._leases.keep(worker.holder, named) if named else []

        async def body(transaction: Transaction) -> None:
            known = await WORKERS.lock(transaction, call, worker.id)
            given = {"cpu_usage": cpu_usage, "memory_usage": memory_usage}
            changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
            if known.status == WorkerStatus.GONE:
                raise Conflict("the worker has left: connect again", reason="WORKER_INACTIVE")
            lost = known.status == WorkerStatus.LOST
            # An agent that is deleted while its tasks are being cancelled still has workers, which must hear of it.
            agent = None
            if lost:
                agent = await transaction.one(LOCK_AGENT, agent=known.agent_id)
            elif not kept:
                agent = await AGENTS.find(transaction, known.organization_id, known.agent_id)
            there = agent is not None and agent.deleted_at is None
            if not there and not kept:
                raise NotFound("agent", f"agent_{known.agent_id}")
            if lost and there:
                await check_place(transaction, known.agent_id, self._most)
                changes.update(status=WorkerStatus.ACTIVE.value, ended_at=None)
            now = transaction.now
            await transaction.update(known, last_seen_at=now, silent_at=now + self._silent, **changes)
            if lost and there and agent is not None:
                await mark_present(transaction, agent)

        await self._database.write(body)
        return kept

    async def touch(self, worker: Worker, *leases: tuple[str, int]) -> None:
        """Whatever a worker that `get` has given says is a sign of life, and extends the leases that it is about."""
        if leases:
            await self._leases.keep(worker.holder, leases)
        before = self._database.clock() - TOUCH_MICROSECONDS
        if worker.last_seen_at > before:
            return

        async def body(transaction: Transaction) -> None:
            now = transaction.now
            await transaction.run(_TOUCH, worker=worker.id, before=before, now=now, silent_at=now + self._silent)

        await self._database.write(body)

    async def drain(self, call: Call, worker: Worker) -> Worker:
        """Notes that the worker takes no more tasks and finishes those it has."""
        return await self._move(call, worker, WorkerStatus.DRAINING)

    async def leave(self, call: Call, worker: Worker) -> Worker:
        """Ends a worker: what it holds goes back to the queue, and its agent is inactive if nobody else is there."""

        async def body(transaction: Transaction) -> None:
            for task in await transaction.all(LOCK_HELD, holder=worker.holder):
                await release(transaction, task)

        await self._database.write(body)
        return await self._move(call, worker, WorkerStatus.GONE)

    async def find_lost(self) -> int:
        """Marks workers that have gone silent, and agents whose last worker that was; returns how many workers."""
        lost = 0
        for _ in range(ROUNDS):
            if await self._database.one(_ANY_SILENT, now=self._database.clock()) is None:
                break
            began = time.perf_counter()
            found = await self._lose_some()
            if not found:
                # Somebody else is at it, or holds them for a while.
                break
            lost += found
            # Many may go silent at once. A request takes several turns of the loop, and all of them have room here.
            await asyncio.sleep(min(time.perf_counter() - began, PAUSE_SECONDS))
        return lost

    async def _lose_some(self) -> int:
        async def body(transaction: Transaction) -> int:
            silent = await transaction.all(_SILENT, now=transaction.now)
            for worker in silent:
                for task in await transaction.all(LOCK_HELD, holder=worker.holder):
                    await self._leases.lose(transaction, task)
                await transaction.update(worker, status=WorkerStatus.LOST.value, ended_at=transaction.now)
            for agent_id in dict.fromkeys(worker.agent_id for worker in silent):
                await mark_absent(transaction, agent_id, "", lost=True)
            return len(silent)

        return await self._database.write(body)

    async def _move(self, call: Call, worker: Worker, status: WorkerStatus) -> Worker:
        async def body(transaction: Transaction) -> Worker:
            known = await WORKERS.lock(transaction, call, worker.id)
            ended = transaction.now if status == WorkerStatus.GONE else None
            moved = await transaction.update(
                known,
                status=status.value,
                ended_at=ended,
                last_seen_at=transaction.now,
                silent_at=transaction.now + self._silent,
            )
            if status == WorkerStatus.GONE:
                await mark_absent(transaction, known.agent_id, known.id, lost=False)
            return moved

        return await self._database.write(body)
