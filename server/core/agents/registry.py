"""Agents: deploy or register, read, change and delete them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import bindparam, select

from server.core.agents import lifecycle, thinking
from server.core.agents.deployment import code_text, entry_text, requirements_text
from server.core.agents.duties import note_duty
from server.core.agents.profile import UNCHANGED, AgentProfile, with_duty
from server.core.identity.api_keys import revoke_agent_tokens
from server.core.models.port import Models, NoModels
from server.core.monitoring import alerts
from server.core.queue.cancellation import cancel_open
from server.core.queue.holds import unbind
from server.core.queue.routing.matching import index_skills, unindex_skills
from server.core.shared import idempotency
from server.core.shared.call_context import Call
from server.core.shared.count_cache import CountCache
from server.core.shared.ids import parse_id
from server.core.shared.pagination import BoundedTexts, Listing, Page
from server.core.shared.resource import Resource, change, check_version
from server.errors import Conflict, InvalidRequest, NotFound, SandboxUnavailable
from server.model import Agent, AgentRuntime, AgentStatus, Task, new_id
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Reader, Transaction

EXTERNAL_TIMEOUT_SECONDS = 300.0

_agents = Agent.table().c
_live = _agents.deleted_at.is_(None)
AGENTS = Resource(Agent, "agent", _live)
_PACKAGES = Statement[Any](select(_agents.packages).where(_live, _agents.packages != "").distinct())
_LIST = Listing(
    Agent,
    [_live],
    ["status", "type", "runtime"],
    light=["code"],
    spans={"beginning": _agents.status.in_((AgentStatus.INITIALIZING.value, AgentStatus.INSTALLING.value))},
    indexed=["type"],
    texts=BoundedTexts(whole=["configuration"]),
    measured=["configuration"],
)


_NAMED = Statement[Agent](
    select(Agent.table())
    .where(_live, _agents.organization_id == bindparam("organization"), _agents.name == bindparam("name"))
    .limit(2),
    Agent,
)


async def agents_named(reader: Reader, organization: str, named: str) -> Sequence[Agent]:
    """The agents that are called so, at most two, or else the one with this id. Raises NotFound."""
    found = await reader.all(_NAMED, organization=organization, name=named.strip())
    if not found:
        agent = await AGENTS.find(reader, organization, parse_id("agent", named.strip()))
        found = [agent] if agent is not None else []
    if not found:
        raise NotFound("agent", named[:100])
    return found


class AgentRegistry:
    """The agents of every organization; each call sees its own."""

    def __init__(
        self,
        database: Database,
        counts: CountCache,
        *,
        no_sandbox: Callable[[], str | None],
        models: Models | None = None,
    ) -> None:
        self._database = database
        self._counts = counts
        self._no_sandbox = no_sandbox
        self._models = models or NoModels()

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
        columns = await profile.columns()
        code = code_text(code)
        entry = await entry_text(code, entry_function)
        required = requirements_text(requirements)
        at_once = required == "[]"

        async def make(transaction: Transaction) -> Agent:
            now = transaction.now
            agent = Agent.new(
                id=new_id(),
                organization_id=call.organization_id,
                name=name,
                description=description,
                **with_duty(columns, now),
                code=code,
                requirements=required,
                entry=entry,
                status=(AgentStatus.ACTIVE if at_once else AgentStatus.INSTALLING).value,
                active_since=now if at_once else None,
                created_at=now,
                updated_at=now,
            )
            await _insert(transaction, agent)
            if not at_once:
                await lifecycle.plan_installation(transaction, agent)
            return agent

        return await AGENTS.create(self._database, call, make)

    async def register(self, call: Call, *, name: str, description: str = "", profile: AgentProfile) -> Agent:
        """A new agent: active where its model can be asked here, and else initializing until a worker comes.

        Raises InvalidRequest.
        """
        columns = {"timeout_seconds": EXTERNAL_TIMEOUT_SECONDS, **await profile.columns()}
        if "type" not in columns:
            raise InvalidRequest("type", "required field missing")

        async def make(transaction: Transaction) -> Agent:
            agent = Agent.new(
                id=new_id(),
                organization_id=call.organization_id,
                name=name,
                description=description,
                **with_duty(columns, transaction.now),
                **thinking.beginning(self._models, columns, transaction.now),
                created_at=transaction.now,
                updated_at=transaction.now,
            )
            await _insert(transaction, agent)
            return agent

        return await AGENTS.create(self._database, call, make)

    def check_sandbox(self) -> None:
        """Raises SandboxUnavailable where deployed code cannot be confined."""
        reason = self._no_sandbox()
        if reason is not None:
            raise SandboxUnavailable(f"this server cannot run a sandbox: {reason}")

    async def get(self, call: Call, identifier: str) -> Agent:
        """One agent. Raises NotFound."""
        return await AGENTS.get(self._database, call, identifier)

    async def page(self, call: Call, *, size: int, token: str, **filters: str | None) -> Page[Agent]:
        """Agents newest first and without code, by page token; filters: status, type, runtime."""
        given = {name: value or None for name, value in filters.items()}
        return await _LIST.page(self._database, call.organization_id, size=size, token=token, **given)

    async def named(self, call: Call, named: str) -> Sequence[Agent]:
        """The agents that are called so, at most two, or else the one with this id. Raises NotFound."""
        return await agents_named(self._database, call.organization_id, named)

    async def slice(self, call: Call, *, limit: int, offset: int, **filters: str | None) -> Page[Agent]:
        """Agents newest first and without code, from an offset, with their number; filters as for `page`.

        `beginning` is for those that are either initializing or installing.
        """
        given = {name: value or None for name, value in filters.items()}
        return await _LIST.slice(
            self._database, self._counts, call.organization_id, limit=limit, offset=offset, **given
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
        reason: str = "",
    ) -> Agent:
        """Changes what is not None; `reason` says why it is disabled.

        Raises NotFound, VersionMismatch, and what `create` raises.
        """
        given: dict[str, Any] = {"name": name, "description": description, "code": code, **await profile.columns()}
        if requirements is not None:
            given["requirements"] = requirements_text(requirements)
        if code is not None or entry_function is not None:
            # Reading code may take a process of its own, so it is done before the transaction begins.
            self.check_sandbox()
            given["code"] = code_text(code) if code is not None else (await self.get(call, identifier)).code
            given["entry"] = await entry_text(given["code"], entry_function or "")

        async def act(transaction: Transaction, agent: Agent) -> Agent:
            changes = with_duty({name: value for name, value in given.items() if value is not None}, transaction.now)
            if agent.runtime != AgentRuntime.PYTHON and {"code", "requirements", "entry"} & changes.keys():
                raise InvalidRequest("code", "this agent runs elsewhere, so it has no code here")
            if code is None and changes.get("code", agent.code) != agent.code:
                raise Conflict("the agent's code has changed meanwhile; try again")
            changes.update(lifecycle.required(agent, changes))
            changes.update(await thinking.decided(transaction, self._models, agent, changes))
            if disabled is not None and disabled != (agent.disabled_at is not None):
                after = Agent.new(**{**agent.values(), **changes})
                changes.update(await lifecycle.switched(transaction, after, disabled=disabled))
                changes["status_message"] = reason
            elif disabled and reason:
                changes["status_message"] = reason
            changed = await change(transaction, agent, **changes)
            transaction.emit("agent.updated", changed)
            if {"type", "capabilities"} & changes.keys():
                await index_skills(transaction, changed)
            await thinking.follow_runtime(transaction, agent, changed)
            if "status" in changes:
                await lifecycle.follow(transaction, changed)
            elif changed.off_duty != agent.off_duty:
                lifecycle.turned_duty(transaction, changed)
                await lifecycle.settle(transaction, changed)
            return changed

        return await AGENTS.once(self._database, call, identifier, act)

    async def delete(self, call: Call, identifier: str) -> Agent:
        """Deletes an agent and cancels its open tasks. Raises NotFound, VersionMismatch."""

        async def body(transaction: Transaction) -> Agent:
            # Tasks are locked before their agent everywhere. One that is created meanwhile finds its agent gone.
            found = await AGENTS.get(transaction, call, identifier)
            await unbind(transaction, found.id)
            await cancel_open(transaction, agent_id=found.id, organization=call.organization_id)
            agent = await AGENTS.lock(transaction, call, identifier)
            check_version(call, agent)
            await idempotency.mark(transaction, call, agent.id)
            return await remove(transaction, agent)

        return await self._database.write(body)

    async def of_task(self, task: Task) -> Agent | None:
        """The agent a task is for, or None where it has been deleted since."""
        return await AGENTS.find(self._database, task.organization_id, task.agent_id)

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


async def remove(transaction: Transaction, agent: Agent) -> Agent:
    """Deletes an agent, which is locked and has no open tasks: nobody finds it, and its tokens end."""
    await unindex_skills(transaction, agent)
    await revoke_agent_tokens(transaction, agent.id, transaction.now)
    await alerts.resolve(transaction, agent.organization_id, "agent_lost", subject=agent.id)
    deleted = await change(transaction, agent, deleted_at=transaction.now)
    await note_duty(transaction, deleted)
    transaction.emit("agent.deleted", deleted)
    return deleted


async def _insert(transaction: Transaction, agent: Agent) -> None:
    await transaction.insert(agent)
    await note_duty(transaction, agent)
    await index_skills(transaction, agent)
    transaction.emit("agent.created", agent)
