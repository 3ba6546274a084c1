"""Agents that think here: which do, who takes them over, and what is said where nobody offers their model."""

from __future__ import annotations

import pytest

from server.core.agents.directory import AgentDirectory
from server.core.agents.health import AgentHealthChecks
from server.core.agents.performance import AgentPerformance
from server.core.agents.profile import AgentProfile
from server.core.agents.registry import AgentRegistry
from server.core.agents.thinking import ThinkingAgents
from server.core.models.port import NoModels
from server.core.shared.count_cache import CountCache
from server.core.tasks.waiting import TaskWaiting
from server.core.workers.agent_heartbeats import AgentHeartbeats
from server.model import Agent
from tests.support.scripted_agents import ScriptedAgents
from tests.support.world import World

MODEL = {"type": "coding", "model": "one", "provider": "scripted"}


@pytest.fixture
def here(world: World) -> World:
    """A world whose models are there."""
    models = ScriptedAgents(lambda _: "")
    world.agents = AgentRegistry(world.database, CountCache(world.database), no_sandbox=lambda: None, models=models)
    world.tasks._agents = world.agents
    return world


async def thinker(world: World, **profile) -> Agent:
    return await world.agents.register(world.tenant.call(), name="Ada", profile=AgentProfile(**{**MODEL, **profile}))


async def again(world: World, agent: Agent) -> Agent:
    return await world.agents.get(world.tenant.call(), agent.id)


async def update(world: World, agent: Agent, *, disabled: bool | None = None, **profile) -> Agent:
    given = AgentProfile(**profile)
    return await world.agents.update(world.tenant.call(), agent.id, profile=given, disabled=disabled)


@pytest.mark.parametrize(
    ("profile", "runtime", "status"),
    [
        ({}, "model", "active"),
        ({"provider": "", "model": "scripted/one"}, "model", "active"),
        ({"provider": "elsewhere"}, "external", "initializing"),
        ({"model": ""}, "external", "initializing"),
    ],
)
async def test_an_agent_whose_model_can_be_asked_here_needs_no_worker(
    here: World, profile, runtime: str, status: str
) -> None:
    agent = await thinker(here, **profile)
    assert (agent.runtime, agent.status) == (runtime, status)
    assert (agent.active_since is not None) == (status == "active")


async def test_nothing_has_to_be_heard_of_one(here: World) -> None:
    agent, call = await thinker(here), here.tenant.call()
    here.wait(3600)
    assert (await AgentHealthChecks(here.database).of(await again(here, agent))).status == "healthy"
    assert (await AgentDirectory(here.database).get(call, agent.id)).standing == "available"
    assert (await AgentPerformance(here.database).get(call, agent.id)).last_seen_at is None
    await here.workers.find_lost()
    await here.repairs.look()
    assert (await again(here, agent)).status == "active"


async def test_a_worker_takes_it_over_with_what_waits_for_it(here: World) -> None:
    agent = await thinker(here)
    task = await here.task(agent_id=agent.id)
    assert task.runtime == "model"
    worker, _ = await here.workers.connect(here.tenant.call(), agent_id=agent.id, capacity=1)
    taken = await again(here, agent)
    assert (taken.runtime, taken.status) == ("external", "active")
    assert await here.claims.claim("model", "here", 10, [agent.id]) == []
    (claimed,) = await here.claim(worker, 1)
    assert claimed.id == task.id
    await here.end(claimed)
    await here.workers.leave(here.tenant.call(), worker)
    left = await again(here, agent)
    # Whoever has brought a worker does not want a model's results while it is away.
    assert (left.runtime, left.status) == ("external", "inactive")


async def test_a_heartbeat_takes_it_over_as_well(here: World) -> None:
    agent = await thinker(here)
    beats = AgentHeartbeats(here.database, silent_seconds=60)
    await beats.beat(here.tenant.call(), agent.id, None)
    assert (await again(here, agent)).runtime == "external"


async def test_a_model_that_is_named_anew_has_it_back_unless_a_worker_is_there(here: World) -> None:
    agent = await thinker(here)
    worker, _ = await here.workers.connect(here.tenant.call(), agent_id=agent.id, capacity=1)
    assert (await update(here, agent, model="one")).runtime == "external"
    await here.workers.leave(here.tenant.call(), worker)
    task = await here.task(agent_id=agent.id)
    back = await update(here, agent, model="one")
    assert (back.runtime, back.status) == ("model", "active")
    here.wait(3600)
    assert (await AgentDirectory(here.database).get(here.tenant.call(), agent.id)).standing == "available"
    (claimed,) = await here.claims.claim("model", "here", 10)
    assert claimed.id == task.id


async def test_another_provider_decides_anew(here: World) -> None:
    agent = await thinker(here)
    task = await here.task(agent_id=agent.id)
    gone = await update(here, agent, provider="elsewhere")
    assert (gone.runtime, gone.status, gone.active_since) == ("external", "initializing", None)
    assert await here.claims.claim("model", "here", 10, [agent.id]) == []
    assert (await here.get(task)).runtime == "external"
    assert (await update(here, agent, provider="scripted")).status == "active"
    assert (await here.get(task)).runtime == "model"


async def test_one_is_disabled_and_enabled_as_others_are(here: World) -> None:
    agent = await thinker(here)
    assert (await update(here, agent, disabled=True)).status == "inactive"
    await update(here, agent, provider="elsewhere")
    assert (await update(here, agent, disabled=False)).status == "initializing"
    await update(here, agent, disabled=True)
    await update(here, agent, provider="scripted")
    enabled = await update(here, agent, disabled=False)
    assert (enabled.runtime, enabled.status) == ("model", "active")


async def test_where_nobody_offers_its_model_any_more_its_tasks_wait_and_why_says_so(here: World) -> None:
    agent = await thinker(here)
    task = await here.task(agent_id=agent.id)
    await ThinkingAgents(here.database, NoModels()).look()
    lost = await again(here, agent)
    assert (lost.runtime, lost.status) == ("model", "error")
    assert "no language model is configured" in lost.status_message and "scripted" in lost.status_message
    assert await here.claims.claim("model", "here", 10, [agent.id]) == []
    why = await TaskWaiting(here.database).explain(here.tenant.call(), task.id, limit=10, offset=0)
    assert why.waits and why.agents[0].rule == "offline" and "scripted" in why.agents[0].message
    # A task for it may come meanwhile, and waits too.
    later = await here.task(agent_id=agent.id)
    await ThinkingAgents(here.database, ScriptedAgents(lambda _: "")).look()
    assert (await again(here, agent)).status == "active"
    claimed = await here.claims.claim("model", "here", 10)
    assert {each.id for each in claimed} == {task.id, later.id}


async def test_what_was_mislaid_between_two_hands_is_put_right(here: World) -> None:
    """On PostgreSQL a task may be made for a model in a transaction that does not see the worker that comes."""
    agent = await thinker(here)
    task = await here.task(agent_id=agent.id)
    worker, _ = await here.workers.connect(here.tenant.call(), agent_id=agent.id, capacity=1)

    async def mislay(transaction) -> None:
        await transaction.update(await here.get(task), runtime="model")

    await here.database.write(mislay)
    assert await here.claims.claim("model", "here", 10) == []
    await here.repairs.look()
    (claimed,) = await here.claim(worker, 1)
    assert claimed.id == task.id
