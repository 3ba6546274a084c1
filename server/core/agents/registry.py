"""Agents: deploy or register, read, change and delete them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import bindparam, select

from server.core.agents import lifecycle
from server.core.agents.deployment import entry_text, requirements_text
from server.core.agents.profile import UNCHANGED, AgentProfile
from server.core.identity.api_keys import revoke_agent_tokens
from server.core.monitoring import alerts
from server.core.queue.cancellation import cancel_open
from server.core.queue.holds import unbind
from server.core.queue.matching import index_skills, unindex_skills
from server.core.shared import idempotency
from server.core.shared.call_context import Call
from server.core.shared.count_cache import CountCache
from server.core.shared.ids import parse_id
from server.core.shared.pagination import Listing, Page
from server.errors import Conflict, InvalidRequest, NotFound, SandboxUnavailable, VersionMismatch
from server.model import Agent, AgentRuntime, AgentStatus, Task, new_id
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Transaction

EXTERNAL_TIMEOUT_SECONDS = 300.0

_agents = Agent.table().c
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


class AgentRegistry:
    """The agents of every organization; each call sees its own."""

    def __init__(self, database: Database, totals: CountCache, *, no_sandbox: Callable[[], str | None]) -> None:
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
        profile: AgentProfile = UNCHANGED,
    ) -> Agent:
        """Deploys code. Raises InvalidRequest for code or requirements that cannot work, SandboxUnavailable."""
        self.check_sandbox()
        columns = profile.columns()
        entry = await entry_text(code, entry_function)
        required = requirements_text(requirements)
        at_once = required == "[]"

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
                requirements=required,
                entry=entry,
                status=(AgentStatus.ACTIVE if at_once else AgentStatus.INSTALLING).value,
                active_since=now if at_once else None,
                created_at=now,
                updated_at=now,
            )
            await _insert(transaction, call, agent)
            if not at_once:
                await lifecycle.plan_installation(transaction, agent)
            return agent

        return await self._database.write(body)

    async def register(self, call: Call, *, name: str, description: str = "", profile: AgentProfile) -> Agent:
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
        profile: AgentProfile = UNCHANGED,
        disabled: bool | None = None,
    ) -> Agent:
        """Changes what is not None. Raises NotFound, VersionMismatch, and what `create` raises."""
        given: dict[str, Any] = {"name": name, "description": description, "code": code, **profile.columns()}
        if requirements is not None:
            given["requirements"] = requirements_text(requirements)
        if code is not None or entry_function is not None:
            # Reading code may take a process of its own, so it is done before the transaction begins.
            self.check_sandbox()
            given["code"] = code if code is not None else (await self.get(call, identifier)).code
            given["entry"] = await entry_text(given["code"], entry_function or "")

        async def body(transaction: Transaction) -> Agent:
            agent = await _lock(transaction, call, identifier)
            if (await idempotency.done(transaction, call)) is not None:
                return agent
            changes = {column: value for column, value in given.items() if value is not None}
            if agent.runtime != AgentRuntime.PYTHON and {"code", "requirements", "entry"} & changes.keys():
                raise InvalidRequest("code", "this agent runs elsewhere, so it has no code here")
            if code is None and changes.get("code", agent.code) != agent.code:
                raise Conflict("the agent's code has changed meanwhile; try again")
            changes.update(lifecycle.required(agent, changes))
            if disabled is not None and disabled != (agent.disabled_at is not None):
                after = Agent.new(**{**agent.values(), **changes})
                changes.update(await lifecycle.switched(transaction, after, disabled=disabled))
            changed = await _changed(transaction, call, agent, **changes)
            transaction.emit("agent.updated", changed)
            if {"type", "capabilities"} & changes.keys():
                await index_skills(transaction, changed)
            if "status" in changes:
                await lifecycle.follow(transaction, changed)
            return changed

        return await self._database.write(body)

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
            await unindex_skills(transaction, agent)
            await revoke_agent_tokens(transaction, agent.id, transaction.now)
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
            await lifecycle.installed(transaction, task, requirements, packages)

        await self._database.write(body)

    async def not_installed(self, task: Task, requirements: str, message: str) -> None:
        """Notes why the packages could not be installed, and fails the tasks that waited for them."""

        async def body(transaction: Transaction) -> None:
            await lifecycle.not_installed(transaction, task, requirements, message)

        await self._database.write(body)


async def find(transaction: Transaction, call: Call, agent_id: str) -> Agent:
    """One agent by its digits, inside a transaction. Raises NotFound."""
    agent = await transaction.one(GET, id=agent_id, organization=call.organization_id)
    if agent is None:
        raise NotFound("agent", agent_id)
    return agent


async def _lock(transaction: Transaction, call: Call, identifier: str) -> Agent:
    agent = await transaction.one(_LOCK, id=parse_id("agent", identifier), organization=call.organization_id)
    if agent is None:
        raise NotFound("agent", identifier)
    return agent


async def _changed(transaction: Transaction, call: Call, agent: Agent, **values: Any) -> Agent:
    if call.if_match and call.if_match != agent.version:
        raise VersionMismatch(call.if_match, agent.version)
    await idempotency.mark(transaction, call, agent.id)
    return await transaction.update(agent, **values, updated_at=transaction.now, version=agent.version + 1)


async def _insert(transaction: Transaction, call: Call, agent: Agent) -> None:
    await transaction.insert(agent)
    await index_skills(transaction, agent)
    await idempotency.mark(transaction, call, agent.id)
    transaction.emit("agent.created", agent)
