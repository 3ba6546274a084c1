"""Agents: deploy or register, read, change and delete them, and note what became of an installation."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import bindparam, select

from server.core import alerts, idempotency
from server.core.call import Call
from server.core.claims import INSTALLATION
from server.core.code import CodeError, Entry
from server.core.ending import cancel_open, fail_waiting, hold, let_go, unbind
from server.core.entry import entry_from, entry_in
from server.core.ids import parse_id
from server.core.listing import Listing, Page
from server.core.profile import AS_IT_IS, Profile
from server.core.requirements import RequirementError, check_requirements
from server.core.routing import forget, learn
from server.core.totals import Totals
from server.errors import Conflict, InvalidRequest, NotFound, SandboxUnavailable, VersionMismatch
from server.model import Agent, AgentRuntime, AgentStatus, Task, TaskKind, Worker, new_id
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Transaction

INSTALL_SECONDS = 600
EXTERNAL_TIMEOUT_SECONDS = 300.0


_agents = Agent.table().c
_workers = Worker.table().c
_live = _agents.deleted_at.is_(None)
_this = (_agents.id == bindparam("id"), _agents.organization_id == bindparam("organization"), _live)
GET = Statement[Agent](select(Agent.table()).where(*_this), Agent)
_LOCK = Statement[Agent](select(Agent.table()).where(*_this).with_for_update(key_share=True), Agent)
_PACKAGES = Statement[Any](select(_agents.packages).where(_live, _agents.packages != "").distinct())
_LIST = Listing(
    Agent,
    [_live],
    ["status", "type", "runtime"],
    light=["code"],
    spans={"beginning": _agents.status.in_((AgentStatus.INITIALIZING.value, AgentStatus.INSTALLING.value))},
    indexed=["type"],
)


ANY_WORKER = Statement[Any](
    select(_workers.id).where(_workers.agent_id == bindparam("agent"), _workers.status == "active").limit(1)
)


def entry_of(agent: Agent) -> Entry:
    """The entry function that was found when the agent was deployed."""
    return entry_from(json.loads(agent.entry))


class Agents:
    """The agents of every organization; each call sees its own."""

    def __init__(self, database: Database, totals: Totals, *, no_sandbox: Callable[[], str | None]) -> None:
        self._database = database
        self._totals = totals
        self._no_sandbox = no_sandbox

    async def create(
        self,
        call: Call,
        *,
        name: str,
        description: str = "",
        code: str,
        requirements: Sequence[str] = (),
        entry_function: str = "",
        profile: Profile = AS_IT_IS,
    ) -> Agent:
        """Deploys code. Raises InvalidRequest for code or requirements that cannot work, SandboxUnavailable."""
        self.check_sandbox()
        columns = profile.columns()
        entry = await _entry(code, entry_function)
        lines = _lines(requirements)

        async def body(transaction: Transaction) -> Agent:
            if (known := await idempotency.done(transaction, call)) is not None:
                return await find(transaction, call, known)
            now = transaction.now
            agent = Agent.new(
                id=new_id(),
                organization_id=call.organization_id,
                name=name,
                description=description,
                **columns,
                code=code,
                requirements=json.dumps(lines),
                entry=json.dumps(asdict(entry)),
                status=(AgentStatus.INSTALLING if lines else AgentStatus.ACTIVE).value,
                active_since=None if lines else now,
                created_at=now,
                updated_at=now,
            )
            await _insert(transaction, call, agent)
            if lines:
                await _plan_installation(transaction, agent)
            return agent

        return await self._database.write(body)

    async def register(self, call: Call, *, name: str, description: str = "", profile: Profile) -> Agent:
        """A new external agent, initializing until a worker comes. Raises InvalidRequest."""
        columns = {"timeout_seconds": EXTERNAL_TIMEOUT_SECONDS, **profile.columns()}
        if "type" not in columns:
            raise InvalidRequest("type", "required field missing")

        async def body(transaction: Transaction) -> Agent:
            if (known := await idempotency.done(transaction, call)) is not None:
                return await find(transaction, call, known)
            agent = Agent.new(
                id=new_id(),
                organization_id=call.organization_id,
                name=name,
                description=description,
                runtime=AgentRuntime.EXTERNAL.value,
                **columns,
                status=AgentStatus.INITIALIZING.value,
                created_at=transaction.now,
                updated_at=transaction.now,
            )
            await _insert(transaction, call, agent)
            return agent

        return await self._database.write(body)

    def check_sandbox(self) -> None:
        """Raises SandboxUnavailable where deployed code cannot be confined."""
        reason = self._no_sandbox()
        if reason is not None:
            raise SandboxUnavailable(f"this server cannot run a sandbox: {reason}")

    async def get(self, call: Call, identifier: str) -> Agent:
        """One agent. Raises NotFound."""
        agent = await self._database.one(GET, id=parse_id("agent", identifier), organization=call.organization_id)
        if agent is None:
            raise NotFound("agent", identifier)
        return agent

    async def page(self, call: Call, *, size: int, token: str, **filters: str | None) -> Page[Agent]:
        """Agents newest first and without code, by page token; filters: status, type, runtime."""
        given = {name: value or None for name, value in filters.items()}
        return await _LIST.page(self._database, call.organization_id, size=size, token=token, **given)

    async def slice(self, call: Call, *, limit: int, offset: int, **filters: str | None) -> Page[Agent]:
        """Agents newest first and without code, from an offset, with their number; filters as for `page`.

        `beginning` is for those that are either initializing or installing.
        """
        given = {name: value or None for name, value in filters.items()}
        return await _LIST.slice(
            self._database, self._totals, call.organization_id, limit=limit, offset=offset, **given
        )

    async def update(
        self,
        call: Call,
        identifier: str,
        *,
        name: str | None = None,
        description: str | None = None,
        code: str | None = None,
        requirements: Sequence[str] | None = None,
        entry_function: str | None = None,
        profile: Profile = AS_IT_IS,
        disabled: bool | None = None,
    ) -> Agent:
        """Changes what is not None. Raises NotFound, VersionMismatch, and what `create` raises."""
        given: dict[str, Any] = {"name": name, "description": description, "code": code, **profile.columns()}
        if requirements is not None:
            given["requirements"] = json.dumps(_lines(requirements))
        if code is not None or entry_function is not None:
            # Reading code may take a process of its own, so it is done before the transaction begins.
            self.check_sandbox()
            given["code"] = code if code is not None else (await self.get(call, identifier)).code
            given["entry"] = json.dumps(asdict(await _entry(given["code"], entry_function or "")))

        async def body(transaction: Transaction) -> Agent:
            agent = await _lock(transaction, call, identifier)
            if (await idempotency.done(transaction, call)) is not None:
                return agent
            changes = {column: value for column, value in given.items() if value is not None}
            if agent.runtime != AgentRuntime.PYTHON and {"code", "requirements", "entry"} & changes.keys():
                raise InvalidRequest("code", "this agent runs elsewhere, so it has no code here")
            if code is None and changes.get("code", agent.code) != agent.code:
                raise Conflict("the agent's code has changed meanwhile; try again")
            again = "requirements" in changes and agent.status == AgentStatus.ERROR
            if again or changes.get("requirements", agent.requirements) != agent.requirements:
                status = AgentStatus.INSTALLING if changes["requirements"] != "[]" else AgentStatus.ACTIVE
                changes.update(status_message="", packages="")
                if agent.disabled_at is None:
                    changes["status"] = status.value
            if disabled is not None and disabled != (agent.disabled_at is not None):
                after = Agent.new(**{**agent.values(), **changes})
                changes.update(await self._enabling(transaction, after, disabled=disabled))
            changed = await _changed(transaction, call, agent, **changes)
            transaction.emit("agent.updated", changed)
            if {"type", "capabilities"} & changes.keys():
                await learn(transaction, changed)
            if changes.get("status") == AgentStatus.INSTALLING:
                await hold(transaction, agent.id)
                await _plan_installation(transaction, changed)
            elif changes.get("status") == AgentStatus.ACTIVE:
                await let_go(transaction, agent.id)
                transaction.emit("agent.active", changed)
            elif changes.get("status") == AgentStatus.INACTIVE:
                await hold(transaction, agent.id)
                transaction.emit("agent.inactive", changed)
            return changed

        return await self._database.write(body)

    async def _enabling(self, transaction: Transaction, agent: Agent, *, disabled: bool) -> dict[str, Any]:
        """What changes in an agent that is disabled or enabled."""
        if disabled:
            return {"disabled_at": transaction.now, "status": AgentStatus.INACTIVE.value, "active_since": None}
        status = AgentStatus.ACTIVE
        if agent.runtime == AgentRuntime.EXTERNAL and await transaction.one(ANY_WORKER, agent=agent.id) is None:
            status = AgentStatus.INITIALIZING
            await let_go(transaction, agent.id)
        elif agent.runtime == AgentRuntime.PYTHON and agent.requirements != "[]" and not agent.packages:
            status = AgentStatus.INSTALLING
        since = transaction.now if status == AgentStatus.ACTIVE else None
        return {"disabled_at": None, "status": status.value, "active_since": since}

    async def delete(self, call: Call, identifier: str) -> Agent:
        """Deletes an agent and cancels its open tasks. Raises NotFound, VersionMismatch."""

        async def body(transaction: Transaction) -> Agent:
            # Tasks are locked before their agent everywhere. One that is created meanwhile finds its agent gone.
            digits = parse_id("agent", identifier)
            if await transaction.one(GET, id=digits, organization=call.organization_id) is None:
                raise NotFound("agent", identifier)
            await unbind(transaction, digits)
            await cancel_open(transaction, agent_id=digits, organization=call.organization_id)
            agent = await _lock(transaction, call, identifier)
            await forget(transaction, agent)
            await alerts.resolve(transaction, agent.organization_id, "agent_lost", subject=agent.id)
            deleted = await _changed(transaction, call, agent, deleted_at=transaction.now)
            transaction.emit("agent.deleted", deleted)
            return deleted

        return await self._database.write(body)

    async def of_task(self, task: Task) -> Agent | None:
        """The agent a task is for, or None where it has been deleted since."""
        return await self._database.one(GET, id=task.agent_id, organization=task.organization_id)

    async def packages_in_use(self) -> set[str]:
        """The names of the package folders that agents of any organization need."""
        return {row[0] for row in await self._database.scan(_PACKAGES)}

    async def installed(self, task: Task, requirements: str, packages: str) -> None:
        """Notes that the packages are there: the agent is active, and tasks that waited may run.

        Nothing happens where the requirements have changed since: another installation is on its way.
        """

        async def body(transaction: Transaction) -> None:
            agent = await transaction.one(_LOCK, id=task.agent_id, organization=task.organization_id)
            if agent is None or agent.requirements != requirements or agent.status != AgentStatus.INSTALLING:
                return
            active = await _changed(
                transaction,
                None,
                agent,
                status=AgentStatus.ACTIVE.value,
                packages=packages,
                status_message="",
                active_since=transaction.now,
            )
            transaction.emit("agent.active", active)
            await let_go(transaction, agent.id)

        await self._database.write(body)

    async def not_installed(self, task: Task, requirements: str, message: str) -> None:
        """Notes why the packages could not be installed, and fails the tasks that waited for them."""

        async def body(transaction: Transaction) -> None:
            agent = await transaction.one(_LOCK, id=task.agent_id, organization=task.organization_id)
            if agent is None or agent.requirements != requirements or agent.status != AgentStatus.INSTALLING:
                return
            failed = await _changed(transaction, None, agent, status=AgentStatus.ERROR.value, status_message=message)
            transaction.emit("agent.failed", failed)
            await fail_waiting(transaction, agent.id, f"the agent's requirements could not be installed: {message}")

        await self._database.write(body)


async def find(transaction: Transaction, call: Call, agent_id: str) -> Agent:
    """One agent by its digits, inside a transaction. Raises NotFound."""
    agent = await transaction.one(GET, id=agent_id, organization=call.organization_id)
    if agent is None:
        raise NotFound("agent", agent_id)
    return agent


async def _entry(code: str, entry_function: str) -> Entry:
    try:
        return await entry_in(code, entry_function or None)
    except CodeError as error:
        raise InvalidRequest(error.field, error.issue, details=error.details) from error


def _lines(requirements: Sequence[str]) -> list[str]:
    try:
        return list(check_requirements(requirements))
    except RequirementError as error:
        raise InvalidRequest(
            f"requirements[{error.index}]", error.issue, details={"requirement": error.requirement}
        ) from error


async def _lock(transaction: Transaction, call: Call, identifier: str) -> Agent:
    agent = await transaction.one(_LOCK, id=parse_id("agent", identifier), organization=call.organization_id)
    if agent is None:
        raise NotFound("agent", identifier)
    return agent


async def _changed(transaction: Transaction, call: Call | None, agent: Agent, **values: Any) -> Agent:
    if call is not None:
        if call.if_match and call.if_match != agent.version:
            raise VersionMismatch(call.if_match, agent.version)
        await idempotency.mark(transaction, call, agent.id)
    return await transaction.update(agent, **values, updated_at=transaction.now, version=agent.version + 1)


async def _insert(transaction: Transaction, call: Call, agent: Agent) -> None:
    await transaction.insert(agent)
    await learn(transaction, agent)
    await idempotency.mark(transaction, call, agent.id)
    transaction.emit("agent.created", agent)


async def _plan_installation(transaction: Transaction, agent: Agent) -> None:
    task = Task.new(
        id=new_id(),
        organization_id=agent.organization_id,
        kind=TaskKind.INSTALLATION.value,
        runtime=INSTALLATION,
        agent_id=agent.id,
        input=agent.requirements,
        timeout_seconds=float(INSTALL_SECONDS),
        ready_at=transaction.now,
        rank=transaction.now,
        created_at=transaction.now,
        updated_at=transaction.now,
    )
    await transaction.insert(task)
