"""Matching: which agent does a task that names none."""

from __future__ import annotations

import json
import random
from collections.abc import Collection
from typing import Any

from sqlalchemy import Integer, bindparam, delete, func, select, tuple_

from server.core.queue.routing.hours import ON_DUTY
from server.core.queue.routing.obstacles import fits, obstacle, words
from server.core.shared.resource import change
from server.model import CLAIMABLE, Agent, AgentRuntime, Skill, Task, TaskKind
from server.store.among import any_of
from server.store.statement import Statement
from server.store.transaction import Reader, Transaction

# How many agents are looked at for one task. The best of a few that chance picks is close to the best of all, and the
# cost does not grow with their number.
SAMPLE = 16
PULL = 32
# How many times so many of them are looked at where those before ask for something that this agent cannot do.
PAGES = 8
FIRST, LAST = -(1 << 62), 1 << 62
PLACES = 1 << 31
# What counts as a task's load on an agent, at most, so that counting is bounded.
MAX_COUNTED = 100

_tasks = Task.table().c
_agents = Agent.table().c
_skills = Skill.table().c
RUNNING = (
    select(func.count())
    .select_from(Task.table())
    .where(_tasks.agent_id == _agents.id, _tasks.status == "running", _tasks.kind == TaskKind.EXECUTION.value)
    .scalar_subquery()
)
QUEUED = (
    select(func.count())
    .select_from(
        select(_tasks.id)
        .where(
            _tasks.runtime == _agents.runtime,
            _tasks.agent_id == _agents.id,
            CLAIMABLE,
        )
        .limit(MAX_COUNTED)
        .correlate(Agent.table())
        .subquery()
    )
    .scalar_subquery()
)
_CANDIDATES = Statement[Any](
    select(RUNNING.label("running"), QUEUED.label("queued"), *Agent.table().c)
    .select_from(Skill.table().join(Agent.table(), _agents.id == _skills.agent_id))
    .where(
        _skills.organization_id == bindparam("organization"),
        _skills.word == bindparam("word"),
        _skills.place >= bindparam("place"),
        _agents.status == "active",
        ON_DUTY,
    )
    .order_by(_skills.place)
    .limit(SAMPLE)
)
# For a task that asks for nothing: whoever is no deployed function, which takes what it was made for.
_ANYBODY = Statement[Any](
    select(RUNNING.label("running"), QUEUED.label("queued"), *Agent.table().c)
    .where(
        _agents.organization_id == bindparam("organization"),
        _agents.status == "active",
        ON_DUTY,
        _agents.runtime != AgentRuntime.PYTHON.value,
        _agents.deleted_at.is_(None),
    )
    .order_by(_agents.id.desc())
    .limit(2 * SAMPLE)
)
# Somebody who is there and has all of these capabilities, with or without room.
_able = (
    select(_skills.agent_id)
    .join(Agent.table(), _agents.id == _skills.agent_id)
    .where(_skills.organization_id == bindparam("organization"), _skills.capability, _agents.status == "active")
    .group_by(_skills.agent_id)
    .having(func.count() == bindparam("number", type_=Integer))
    .limit(1)
)
_ABLE = Statement[Any](_able.where(any_of(_skills.word, "words")))
_ANY_OF_TYPE = Statement[Any](
    select(_agents.id)
    .where(
        _agents.organization_id == bindparam("organization"),
        _agents.type == bindparam("type"),
        _agents.deleted_at.is_(None),
    )
    .limit(1)
)
_ANY_SKILL = Statement[Any](
    select(_skills.agent_id)
    .where(_skills.organization_id == bindparam("organization"), _skills.word == bindparam("word"))
    .limit(1)
)
UNROUTED = (_tasks.agent_id.is_(None), CLAIMABLE)
_UNROUTED = Statement[Task](
    select(Task.table())
    .where(
        *UNROUTED,
        _tasks.organization_id == bindparam("organization"),
        _tasks.route == bindparam("word"),
        tuple_(_tasks.rank, _tasks.id) > tuple_(bindparam("after"), bindparam("last")),
        _tasks.rank < bindparam("before"),
    )
    .order_by(_tasks.rank, _tasks.id)
    .limit(PULL)
    .with_for_update(key_share=True, skip_locked=True),
    Task,
)
_FORGET = Statement[Any](delete(Skill.table()).where(_skills.agent_id == bindparam("agent")))


def binding(task: Task, agent: Agent | None) -> dict[str, Any]:
    """What changes in a task that is routed to `agent`."""
    if agent is None:
        return {}
    timeout = task.timeout_seconds or agent.timeout_seconds
    return {"agent_id": agent.id, "routed": True, "runtime": agent.runtime, "timeout_seconds": timeout}


async def choose(transaction: Transaction, task: Task) -> Agent | None:
    """The least loaded, and among those the most successful, of a few agents that can do the task now; None if none."""
    if not task.route:
        rows = await transaction.all(_ANYBODY, organization=task.organization_id)
    else:
        place = random.randrange(PLACES)  # noqa: S311
        # Few agents may have all that is asked for, and they are found by any word of it.
        word = random.choice([task.route, *json.loads(task.capabilities)])  # noqa: S311
        given = {"organization": task.organization_id, "word": word}
        rows = await transaction.all(_CANDIDATES, place=place, **given)
        if len(rows) < SAMPLE:
            rows += await transaction.all(_CANDIDATES, place=0, **given)
    best: tuple[float, float] | None = None
    chosen = None
    for running, queued, *columns in rows:
        agent = Agent.load(columns)
        if obstacle(agent, task, running + queued) is not None:
            continue
        ended = agent.tasks_completed + agent.tasks_failed
        score = ((running + queued) / agent.max_concurrent_tasks, -agent.tasks_completed / ended if ended else 0.0)
        if best is None or score < best:
            best, chosen = score, agent
    return chosen


async def pull(transaction: Transaction, agent: Agent, limit: int, before: int = LAST) -> int:
    """Routes up to `limit` tasks that have no agent yet, and a rank below `before`, to one that has room for them.

    Returns how many.
    """
    waiting: list[Task] = []
    for word in words(agent):
        waiting += await _waiting(transaction, agent, word, limit, before)
    waiting = sorted(waiting, key=lambda task: task.rank or 0)[:limit]
    for task in waiting:
        transaction.emit("task.routed", await change(transaction, task, **binding(task, agent)))
    return len(waiting)


async def _waiting(transaction: Transaction, agent: Agent, word: str, limit: int, before: int) -> list[Task]:
    """The first tasks that have no agent, name this word and suit this agent."""
    found: list[Task] = []
    given = {"organization": agent.organization_id, "word": word, "before": before}
    after, last = FIRST, ""
    for _ in range(PAGES):
        page = await transaction.all(_UNROUTED, **given, after=after, last=last)
        found += [task for task in page if fits(agent, task)]
        if len(page) < PULL or len(found) >= limit:
            break
        after, last = page[-1].rank or 0, page[-1].id
    return found


async def index_skills(transaction: Transaction, agent: Agent) -> None:
    """Makes an agent findable by its type and capabilities as they are now."""
    await unindex_skills(transaction, agent)
    capabilities = set(json.loads(agent.capabilities))
    for word in words(agent):
        skill = Skill.new(
            organization_id=agent.organization_id,
            word=word,
            place=random.randrange(PLACES),  # noqa: S311
            agent_id=agent.id,
            capability=word in capabilities,
        )
        await transaction.insert(skill)


async def unindex_skills(transaction: Transaction, agent: Agent) -> None:
    """Makes an agent findable no more."""
    await transaction.run(_FORGET, agent=agent.id)


async def any_active_with(reader: Reader, organization: str, capabilities: Collection[str]) -> bool:
    """Whether an organization has an agent that is there and has all these capabilities."""
    asked = set(capabilities)
    return await reader.one(_ABLE, organization=organization, words=list(asked), number=len(asked)) is not None


async def any_of_type(reader: Reader, organization: str, type: str) -> bool:
    """Whether an organization has an agent of this type."""
    return await reader.one(_ANY_OF_TYPE, organization=organization, type=type) is not None


async def any_with_skill(reader: Reader, organization: str, word: str) -> bool:
    """Whether an organization has an agent of this type, or with this capability."""
    return await reader.one(_ANY_SKILL, organization=organization, word=word) is not None
