"""Agents that think here: those with a model whose provider is configured, and what becomes of them when it is not.

Such an agent needs no worker. Where one comes nevertheless, it takes the agent over (`presence`), and the agent stays
its until somebody names a model anew while no worker is there.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from sqlalchemy import bindparam, select, text

from server.core.agents.presence import LOCK_AGENT, OTHERS, mark_able, mark_unable
from server.core.models.names import is_ours
from server.core.models.port import Models
from server.core.monitoring import alerts
from server.core.queue.holds import hand_over, unbind
from server.errors import InvalidRequest
from server.model import Agent, AgentRuntime, AgentStatus
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Transaction

SECONDS = 60.0
BATCH = 50
NAMED = frozenset({"model", "provider"})

_agents = Agent.table().c
# Said as the index says it.
_thinking = (text("agents.runtime = 'model'"), _agents.deleted_at.is_(None))
_PAIRS = Statement[Any](select(_agents.provider, _agents.model).where(*_thinking).distinct())
_STANDING = Statement[Any](
    select(_agents.id)
    .where(
        *_thinking,
        _agents.provider == bindparam("provider"),
        _agents.model == bindparam("model"),
        _agents.status == bindparam("status"),
        _agents.disabled_at.is_(None),
        _agents.id > bindparam("after"),
    )
    .order_by(_agents.id)
    .limit(BATCH)
)


def model_of(models: Models, model: str, provider: str) -> str | None:
    """The model that an agent thinks with, as `provider/model`; None where it names none that can be asked here."""
    return models.known(model, provider) if model else None


def beginning(models: Models, columns: Mapping[str, Any], now: int) -> dict[str, Any]:
    """How an agent that is registered with these columns begins: it thinks here, or waits for its worker.

    Raises InvalidRequest.
    """
    model, provider = columns.get("model", ""), columns.get("provider", "")
    _check(model, provider)
    if model_of(models, model, provider) is None:
        return {"runtime": AgentRuntime.EXTERNAL.value, "status": AgentStatus.INITIALIZING.value}
    return {"runtime": AgentRuntime.MODEL.value, "status": AgentStatus.ACTIVE.value, "active_since": now}


async def decided(transaction: Transaction, models: Models, agent: Agent, changes: Mapping[str, Any]) -> dict[str, Any]:
    """What changes in an agent, which is locked, where its model is named: who does its tasks from now on.

    Raises InvalidRequest.
    """
    if not NAMED & changes.keys() or agent.runtime == AgentRuntime.PYTHON:
        return {}
    model, provider = (changes.get(name, agent.values()[name]) for name in ("model", "provider"))
    _check(model, provider)
    present = await transaction.one(OTHERS, agent=agent.id, worker="") is not None
    thinks = not present and model_of(models, model, provider) is not None
    runtime = AgentRuntime.MODEL if thinks else AgentRuntime.EXTERNAL
    if agent.disabled_at is not None:
        return {"runtime": runtime.value}
    if runtime == agent.runtime and (not thinks or agent.status == AgentStatus.ACTIVE):
        return {}
    there = thinks or present
    return {
        "runtime": runtime.value,
        "status": (AgentStatus.ACTIVE if there else AgentStatus.INITIALIZING).value,
        "status_message": "",
        "active_since": transaction.now if there else None,
    }


def _check(model: str, provider: str) -> None:
    """Raises InvalidRequest where an agent is to think with what is no language model, and no worker has it either."""
    if not provider and is_ours(model):
        raise InvalidRequest(
            "model", "must be a model of a provider: what answers chats is none that agents think with"
        )


async def follow_runtime(transaction: Transaction, before: Agent, after: Agent) -> None:
    """Does what follows where others do an agent's tasks from now on."""
    if before.runtime == after.runtime:
        return
    if after.status == AgentStatus.ACTIVE:
        await alerts.resolve(transaction, after.organization_id, "agent_lost", subject=after.id)
    else:
        await unbind(transaction, after.id)
    await hand_over(transaction, after.id, after.runtime)


class ThinkingAgents:
    """Those of every organization, kept in step with the providers that this process has."""

    def __init__(self, database: Database, models: Models) -> None:
        self._database = database
        self._models = models
        self._looked = 0.0

    async def sweep(self) -> None:
        """Looks now and then: providers are configured for the life of a process."""
        if not self._looked or time.monotonic() - self._looked >= SECONDS:
            self._looked = time.monotonic()
            await self.look()

    async def look(self) -> None:
        """Marks agents whose model nobody offers any more, and those whose model somebody offers again."""
        for provider, model in await self._database.scan(_PAIRS):
            known = model_of(self._models, model, provider)
            status = AgentStatus.ACTIVE if known is None else AgentStatus.ERROR
            given = {"provider": provider, "model": model, "status": status.value}
            after = ""
            while ids := [row[0] for row in await self._database.all(_STANDING, **given, after=after)]:
                await self._database.write(_Marking(ids, known is not None, f"{provider or 'default'} for {model}"))
                after = ids[-1]


class _Marking:
    def __init__(self, ids: list[str], able: bool, whose: str) -> None:  # noqa: FBT001
        self._ids = ids
        self._able = able
        self._message = f"no language model is configured here that it could think with: provider {whose}"

    async def __call__(self, transaction: Transaction) -> None:
        for agent_id in self._ids:
            agent = await transaction.one(LOCK_AGENT, agent=agent_id)
            if agent is None or agent.runtime != AgentRuntime.MODEL or agent.disabled_at or agent.deleted_at:
                continue
            if self._able:
                await mark_able(transaction, agent)
            else:
                await mark_unable(transaction, agent, self._message, lost=True)
