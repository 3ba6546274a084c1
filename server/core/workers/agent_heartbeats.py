"""Agents that say by heartbeats that they are there: each is its own worker, with the agent's id."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, bindparam, select, update
from sqlalchemy.dialects.postgresql import insert

from server.core.agents.duties import note_duty
from server.core.agents.presence import LIVE, LOCK_AGENT, mark_present
from server.core.agents.profile import AgentProfile, with_duty
from server.core.agents.registry import AGENTS, remove
from server.core.agents.thinking import beginning
from server.core.identity.api_keys import issue_agent_token
from server.core.identity.organizations import LOCK_ORGANIZATION
from server.core.models.port import Models, NoModels
from server.core.queue.cancellation import cancel_open
from server.core.queue.claims import until
from server.core.queue.holds import unbind
from server.core.queue.lease_service import release
from server.core.queue.routing.matching import index_skills
from server.core.shared import idempotency
from server.core.shared.call_context import Call
from server.core.shared.ids import parse_id
from server.core.shared.resource import check_version
from server.errors import Conflict, InvalidRequest, NotFound
from server.model import Agent, AgentRuntime, AgentStatus, Task, Worker, WorkerStatus, new_id
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Transaction

# Heartbeats that say nothing new are shown so often.
SHOWN_AFTER = 5_000_000
TASK_SECONDS = 3600.0

_agents = Agent.table().c
_workers = Worker.table().c
_tasks = Task.table().c
_NAMED = Statement[Any](
    select(_agents.id)
    .where(
        _agents.organization_id == bindparam("organization"),
        _agents.name == bindparam("name"),
        _agents.deleted_at.is_(None),
    )
    .limit(1)
)
_LOCK_WORKER = Statement[Worker](
    select(Worker.table())
    .where(_workers.id == bindparam("agent"), _workers.organization_id == bindparam("organization"))
    .with_for_update(key_share=True),
    Worker,
)
_BEGIN = Statement[Any](insert(Worker.table()).on_conflict_do_nothing())
_KEEP = Statement[Any](
    update(Task.table())
    .where(_tasks.status == "running", _tasks.lease_holder == bindparam("holder"))
    .values(lease_expires_at=until(_tasks.deadline_at))
)
_DONE_BY_WORKERS = Statement[Task](
    select(Task.table())
    .where(_tasks.agent_id == bindparam("agent"), _tasks.status == "running", _tasks.lease_holder.like("worker/%"))
    .order_by(_tasks.id)
    .with_for_update(key_share=True),
    Task,
)
# What was given to an agent by hand, and that nobody else would be found for, waits for a hand again.
_UNASSIGN = Statement[Any](
    update(Task.table())
    .where(_tasks.agent_id == bindparam("agent"), _tasks.status == "pending", _tasks.route == "", _tasks.title != "")
    .values(
        agent_id=None, runtime=None, rank=None, ready_at=None, held=False, updated_at=bindparam("now", type_=BigInteger)
    )
)


class AgentHeartbeats:
    """Those of every organization's agents; each call sees its own."""

    def __init__(self, database: Database, *, silent_seconds: float, models: Models | None = None) -> None:
        self._database = database
        self._models = models or NoModels()
        # For so long after a heartbeat an agent is there, and keeps its leases.
        self._silent = int(silent_seconds * 1_000_000)

    async def register(self, call: Call, *, name: str, profile: AgentProfile) -> Agent:
        """A new agent, which is there. Raises Conflict where the organization has one of this name."""
        return (await self._register(call, name, profile, token=False))[0]

    async def register_external(self, call: Call, *, name: str, profile: AgentProfile) -> tuple[Agent, str]:
        """The same, and a token that is good for this agent alone."""
        return await self._register(call, name, profile, token=True)

    async def _register(self, call: Call, name: str, profile: AgentProfile, *, token: bool) -> tuple[Agent, str]:
        if not name.strip():
            raise InvalidRequest("name", "must not be blank")
        columns = {"timeout_seconds": TASK_SECONDS, **await profile.columns()}

        async def body(transaction: Transaction) -> tuple[Agent, str]:
            if (known := await idempotency.done(transaction, call)) is not None:
                return await AGENTS.get(transaction, call, known), ""
            # Two at once must not both find the name free.
            await transaction.one(LOCK_ORGANIZATION, organization=call.organization_id)
            taken = await transaction.one(_NAMED, organization=call.organization_id, name=name)
            if taken is not None:
                raise Conflict(
                    f"an agent is called {name} already", reason="AGENT_EXISTS", details={"agent_id": taken[0]}
                )
            now = transaction.now
            runtime = beginning(self._models, columns, now)["runtime"]
            agent = Agent.new(
                id=new_id(),
                organization_id=call.organization_id,
                name=name,
                **with_duty(columns, now),
                runtime=runtime,
                status=AgentStatus.ACTIVE.value,
                active_since=now,
                created_at=now,
                updated_at=now,
            )
            await transaction.insert(agent)
            await note_duty(transaction, agent)
            await index_skills(transaction, agent)
            if runtime == AgentRuntime.EXTERNAL:
                await transaction.insert(self._worker(agent, now))
            await idempotency.mark(transaction, call, agent.id)
            transaction.emit("agent.created", agent)
            return agent, await issue_agent_token(transaction, call, agent.id) if token else ""

        return await self._database.write(body)

    async def beat(self, call: Call, identifier: str, load: float | None) -> None:
        """A sign of life: the agent is there and keeps its leases. `load` is 0 to 100, None for as it was.

        Raises NotFound, and Conflict for an agent with code of its own.
        """

        async def body(transaction: Transaction) -> None:
            agent = await AGENTS.get(transaction, call, identifier)
            digits = agent.id
            if agent.runtime == AgentRuntime.PYTHON:
                raise Conflict("the agent runs its own code here, so it sends no heartbeats", reason="NOT_EXTERNAL")
            now = transaction.now
            worker = await transaction.one(_LOCK_WORKER, agent=digits, organization=call.organization_id)
            fresh = False
            if worker is None:
                worker = self._worker(agent, now)
                # Of two first ones at once, the second one waits here and finds what the first one has inserted. Like
                # everybody else they lock the worker before the agent: in both orders each would wait for the other.
                fresh = bool(await transaction.run(_BEGIN, **worker.values()))
                worker = await transaction.one(_LOCK_WORKER, agent=digits, organization=call.organization_id) or worker
            if not fresh:
                await transaction.run(_KEEP, holder=worker.holder, until=now + self._silent)
            said = load if load is not None else worker.current_load
            beating = await transaction.update(
                worker,
                status=WorkerStatus.ACTIVE.value,
                capacity=agent.max_concurrent_tasks,
                current_load=said,
                last_seen_at=now,
                silent_at=now + self._silent,
                ended_at=None,
            )
            changed = agent.status != AgentStatus.ACTIVE or agent.runtime != AgentRuntime.EXTERNAL
            if fresh or worker.status not in LIVE or changed:
                locked = await transaction.one(LOCK_AGENT, agent=digits)
                if locked is None or locked.deleted_at is not None:
                    raise NotFound("agent", identifier)
                await mark_present(transaction, locked)
            if fresh or said != worker.current_load or worker.last_seen_at // SHOWN_AFTER < now // SHOWN_AFTER:
                transaction.emit("worker.heartbeat", beating)

        await self._database.write(body)

    async def deregister(self, call: Call, identifier: str) -> Agent:
        """Removes an agent: its tasks return to the queue, or wait to be assigned; its token ends.

        Raises NotFound, VersionMismatch.
        """
        digits = parse_id("agent", identifier)

        async def body(transaction: Transaction) -> Agent:
            await AGENTS.get(transaction, call, identifier)
            worker = await transaction.one(_LOCK_WORKER, agent=digits, organization=call.organization_id)
            for task in await transaction.all(_DONE_BY_WORKERS, agent=digits):
                # What others may do, or be given, whichever worker of this one does it.
                by_hand = task.title and not task.route
                if task.routed or by_hand or (worker is not None and task.lease_holder == worker.holder):
                    await release(transaction, task)
            if worker is not None:
                await transaction.update(worker, status=WorkerStatus.GONE.value, ended_at=transaction.now)
            await unbind(transaction, digits)
            await transaction.run(_UNASSIGN, agent=digits, now=transaction.now)
            await cancel_open(transaction, agent_id=digits, organization=call.organization_id)
            agent = await transaction.one(LOCK_AGENT, agent=digits)
            if agent is None or agent.deleted_at is not None:
                raise NotFound("agent", identifier)
            check_version(call, agent)
            return await remove(transaction, agent)

        return await self._database.write(body)

    def _worker(self, agent: Agent, now: int) -> Worker:
        return Worker.new(
            id=agent.id,
            organization_id=agent.organization_id,
            agent_id=agent.id,
            name="heartbeats",
            capacity=agent.max_concurrent_tasks,
            created_at=now,
            last_seen_at=now,
            silent_at=now + self._silent,
        )
