"""Claims: whoever takes a task from the queue gets the most urgent that has room, and a lease on it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from sqlalchemy import BigInteger, Integer, bindparam, case, cast, func, select, update

from server.core.queue.fencing import is_current
from server.core.queue.routing.capacity import rooms
from server.core.queue.routing.matching import LAST, pull
from server.core.queue.routing.obstacles import absence, room
from server.core.queue.rows import COUNT_RUNNING
from server.model import CLAIMABLE, Agent, AgentRuntime, Task, TaskKind, Worker
from server.store.acting import agent_of
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Transaction

# How many waiting tasks are looked at to see whose turn it is, and how many agents where those have no room.
WINDOW = 64
ROUND = 32
# What claims tasks that are no agent's: they run nobody's code, and whoever comes first does what has waited longest.
INSTALLATION, INGESTION, EMBEDDING, ANSWER = (
    kind.value for kind in (TaskKind.INSTALLATION, TaskKind.INGESTION, TaskKind.EMBEDDING, TaskKind.ANSWER)
)
INTERNAL = frozenset({INSTALLATION, INGESTION, EMBEDDING, ANSWER})
# After which events there may be something to claim.
CLAIMABLE_AFTER = frozenset(
    {
        "task.created",
        "task.assigned",
        "task.routed",
        "task.ready",
        "task.released",
        "task.retrying",
        "task.reopened",
    }
)
# What an attempt may take beyond its timeout before it is over: the way there and back, and making a sandbox ready.
LATE = 5_000_000

PYTHON, MODEL, EXTERNAL = (each.value for each in (AgentRuntime.PYTHON, AgentRuntime.MODEL, AgentRuntime.EXTERNAL))
# Agents of these do their work here, in whichever server process comes first.
HERE = frozenset({PYTHON, MODEL})

_tasks = Task.table().c
_agents = Agent.table().c


def until(limit: Any) -> Any:
    """When a new or longer lease ends: never after the attempt's own deadline."""
    return case((limit < bindparam("until"), limit), else_=bindparam("until", type_=BigInteger))


def claiming(*where: Any, limit: Any) -> Statement[Task]:
    """Claims as many of these tasks, the most urgent first."""
    # A plain subquery may be run again for every row, and then claims more than its limit; a CTE runs once.
    chosen = (
        select(_tasks.id)
        .where(CLAIMABLE, *where)
        .order_by(_tasks.rank)
        .limit(limit)
        .with_for_update(key_share=True, skip_locked=True)
        .cte("chosen")
    )
    deadline = bindparam("now", type_=BigInteger) + LATE + cast(_tasks.timeout_seconds * 1_000_000, BigInteger)
    return Statement(
        update(Task.table())
        .where(_tasks.id.in_(select(chosen.c.id)), _tasks.status == "pending")
        .values(
            status="running",
            rank=None,
            attempt=_tasks.attempt + 1,
            version=_tasks.version + 1,
            lease_holder=bindparam("holder"),
            last_holder=bindparam("holder"),
            lease_expires_at=until(deadline),
            deadline_at=deadline,
            started_at=bindparam("now"),
            updated_at=bindparam("now"),
        )
        .returning(Task.table()),
        Task,
    )


_room = (
    select((bindparam("most", type_=Integer) - func.count()).label("places"))
    .select_from(Task.table())
    .where(_tasks.agent_id == bindparam("agent"), _tasks.status == "running", _tasks.kind == TaskKind.EXECUTION.value)
    .cte("room")
)
_limit = bindparam("limit", type_=Integer)
OF_AGENT = (_tasks.runtime == bindparam("runtime"), _tasks.agent_id == bindparam("agent"))
_left = _room.c.places
PLACES = select(case((_left < 0, 0), (_left < _limit, _left), else_=_limit)).scalar_subquery()
_CLAIM_OF_AGENT = claiming(*OF_AGENT, limit=PLACES)
# For a worker that has not connected again since. Stays so while its agent is locked: connecting locks that too.
_workers = Worker.table().c
_present = select(_workers.id).where(
    _workers.id == bindparam("worker"), _workers.connection == bindparam("connection", type_=Integer)
)
_CLAIM_OF_WORKER = claiming(*OF_AGENT, _present.exists(), limit=PLACES)
_CLAIM_OF_RUNTIME = claiming(_tasks.runtime == bindparam("runtime"), limit=_limit)
_WINDOW = Statement[Any](
    select(_tasks.agent_id).where(CLAIMABLE, _tasks.runtime == bindparam("runtime")).order_by(_tasks.rank).limit(WINDOW)
)
_ANY_WAITING = Statement[Any](select(_tasks.id).where(CLAIMABLE, _tasks.runtime == bindparam("runtime")).limit(1))
_NEXT_AGENT = Statement[Any](
    select(_tasks.agent_id)
    .where(CLAIMABLE, _tasks.runtime == bindparam("runtime"), _tasks.agent_id > bindparam("after"))
    .order_by(_tasks.agent_id)
    .limit(1)
)
# An agent, and whether its organization has tasks without one: some of them may stand before its own.
_others = (
    select(_tasks.id)
    .where(_tasks.organization_id == _agents.organization_id, _tasks.agent_id.is_(None), CLAIMABLE)
    .exists()
)
_this_agent = select(*Agent.table().c, _others.label("others")).where(
    _agents.id == bindparam("agent"), _agents.deleted_at.is_(None)
)
_LOCK_AGENT = Statement[Any](_this_agent.with_for_update(key_share=True, of=Agent.table()))
# Where somebody claims for an agent just now, others go on to the next.
TRY_AGENT = Statement[Any](_this_agent.with_for_update(key_share=True, skip_locked=True, of=Agent.table()))
_RANK = Statement[Any](
    select(_tasks.rank)
    .where(CLAIMABLE, _tasks.runtime == bindparam("runtime"), _tasks.agent_id == bindparam("agent"))
    .order_by(_tasks.rank)
    .limit(1)
    .offset(bindparam("skip"))
)
_RUNTIME = Agent.columns.index("runtime")


class Place(Protocol):
    """A place that a process keeps for a task that is about to be made, so that nobody has to claim it afterwards."""

    def claimed(self, task: Task) -> Task:
        """The task as it is to be made: claimed by this process."""

    def begin(self, task: Task) -> None:
        """It is made, and done from now on. Not before the commit, and once."""


class Claims:
    """Takes tasks from the queue."""

    def __init__(self, database: Database, *, lease_seconds: float) -> None:
        self.database = database
        self._lease = int(lease_seconds * 1_000_000)
        # Where the next round among agents begins, so that none waits for ever behind the others.
        self._round = ""

    async def any_waiting(self, runtime: str) -> bool:
        """Whether there is something to claim for `runtime`: reads, and locks nothing."""
        return await self.database.one(_ANY_WAITING, runtime=runtime) is not None

    def with_its_making(self, task: Task, holder: str) -> Task:
        """A task that is about to be made, and that nothing keeps from being done, as it is when it is claimed."""
        deadline = (now := task.created_at) + LATE + int(task.timeout_seconds * 1_000_000)
        claim = {
            "status": "running",
            "rank": None,
            "attempt": 1,
            "lease_holder": holder,
            "last_holder": holder,
            "lease_expires_at": min(now + self._lease, deadline),
            "deadline_at": deadline,
            "started_at": now,
        }
        return Task.new(**{**task.values(), **claim})

    async def claim(self, runtime: str, holder: str, limit: int, also: Iterable[str] = ()) -> list[Task]:
        """Up to `limit` tasks of any agent of `runtime` that may run now, by rank, each with a new lease.

        Agents named in `also` may have room now, so they get tasks that have found no agent yet.
        """

        async def body(transaction: Transaction) -> list[Task]:
            if runtime in INTERNAL:
                terms = self.terms(transaction, holder, limit)
                return await transaction.all(_CLAIM_OF_RUNTIME, runtime=runtime, **terms)
            claimed: list[Task] = []
            waiting = [row[0] for row in await transaction.all(_WINDOW, runtime=runtime)]
            first = waiting[:limit]
            # In one order, so that two who claim for the same agents wait for each other at most once.
            agents: dict[str, Any] = {}
            for name in sorted(set(first)):
                agents[name] = await transaction.one(_LOCK_AGENT, agent=name)
            for name in dict.fromkeys(first):
                claimed += await self._of_locked(transaction, agents[name], runtime, holder, first.count(name))
            # Where some of those had no room, others behind them may have.
            for name in dict.fromkeys(waiting[limit:]):
                if len(claimed) < limit:
                    claimed += await self.of_agent(transaction, name, runtime, holder, limit - len(claimed))
            if len(waiting) == WINDOW and not claimed:
                claimed += await self._next_round(transaction, runtime, holder, limit)
            for name in also:
                if len(claimed) < limit:
                    claimed += await self.of_agent(transaction, name, runtime, holder, limit - len(claimed))
            return started(transaction, claimed)

        return await self.database.write(body)

    async def claim_of(
        self, agent_id: str, holder: str, limit: int, worker: tuple[str, int] | None = None
    ) -> list[Task]:
        """Up to `limit` tasks of one agent, or that it can do and nobody has got yet, each with a new lease.

        With a `worker` (its id and the number of its connection) none where it has connected again since.
        """

        async def body(transaction: Transaction) -> list[Task]:
            agent = await transaction.one(_LOCK_AGENT, agent=agent_id)
            return started(transaction, await self._of_locked(transaction, agent, EXTERNAL, holder, limit, worker))

        return await self.database.write(body)

    async def claim_within(self, worker: Worker, limit: int) -> list[Task]:
        """As `claim_of`, for a worker whose leases nobody counts here: not more than it has room for."""

        async def body(transaction: Transaction) -> list[Task]:
            # First the lock: whoever else claims for this worker has committed then.
            agent = await transaction.one(_LOCK_AGENT, agent=worker.agent_id)
            room = min(limit, (await rooms(transaction, [worker.id])).get(worker.id, 0))
            if room <= 0:
                return []
            return started(transaction, await self._of_locked(transaction, agent, EXTERNAL, worker.holder, room))

        return await self.database.write(body)

    async def of_agent(
        self, transaction: Transaction, agent_id: str, runtime: str, holder: str, limit: int
    ) -> list[Task]:
        """Up to `limit` tasks of one agent, unless somebody claims for it just now; to be told of by `started`."""
        row = await transaction.one(TRY_AGENT, agent=agent_id)
        return await self._of_locked(transaction, row, runtime, holder, limit)

    async def _of_locked(
        self,
        transaction: Transaction,
        row: Any,
        runtime: str,
        holder: str,
        limit: int,
        worker: tuple[str, int] | None = None,
    ) -> list[Task]:
        agent = free_agent(row, runtime)
        if agent is None:
            return []
        key = {"runtime": agent.runtime, "agent": agent.id}
        if row[-1]:
            if worker is not None and not await is_current(transaction, *worker):
                return []
            running = await transaction.one(COUNT_RUNNING, agent=agent.id)
            places = min(limit, room(agent, running[0] if running is not None else 0))
            if places > 0:
                # Those that stand before the last of its own that it would get.
                last = await transaction.one(_RANK, **key, skip=places - 1)
                await pull(transaction, agent, places, last[0] if last is not None else LAST)
        terms = {**key, "most": agent.max_concurrent_tasks, **self.terms(transaction, holder, limit)}
        if worker is None:
            return await transaction.all(_CLAIM_OF_AGENT, **terms)
        return await transaction.all(_CLAIM_OF_WORKER, **terms, worker=worker[0], connection=worker[1])

    async def _next_round(self, transaction: Transaction, runtime: str, holder: str, limit: int) -> list[Task]:
        """Looks at agents in turn: those whose tasks stand first have no room, and must not stand in others' way."""
        for _ in range(ROUND):
            row = await transaction.one(_NEXT_AGENT, runtime=runtime, after=self._round)
            self._round = row[0] if row is not None else ""
            if row is not None and (claimed := await self.of_agent(transaction, row[0], runtime, holder, limit)):
                return claimed
        return []

    def terms(self, transaction: Transaction, holder: str, limit: int) -> dict[str, Any]:
        """What every claim of these says beside whose tasks they are."""
        return {"holder": holder, "limit": limit, "now": transaction.now, "until": transaction.now + self._lease}


def free_agent(row: Any, runtime: str) -> Agent | None:
    """The agent that has been locked, if it does anything now, and here: it may have changed hands just now."""
    if row is None or row[_RUNTIME] != runtime:
        return None
    agent = Agent.load(row[:-1])
    return agent if absence(agent) is None else None


def started(transaction: Transaction, claimed: list[Task]) -> list[Task]:
    """These tasks by rank, once each is told of."""
    claimed.sort(key=lambda task: (-task.priority, task.id))
    actor = transaction.actor
    for task in claimed:
        transaction.actor = agent_of(actor, task.organization_id, task.agent_id)
        transaction.emit("task.started", task)
    transaction.actor = actor
    return claimed
