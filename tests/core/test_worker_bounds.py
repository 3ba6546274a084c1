"""How many workers an agent may have, and how long those are remembered that have ended, on both databases."""

from __future__ import annotations

import asyncio

import pytest

from server.core.agents.performance import AgentPerformance
from server.core.workers import bounds
from server.core.workers.bounds import forget_ended
from server.core.workers.registry import WorkerRegistry
from server.errors import NotFound, TooMany
from server.model import TaskStatus, WorkerStatus
from tests.support.world import World

DAY = 24 * 3600


async def forget(world: World) -> int:
    return await forget_ended(world.database, world.database.clock() - DAY * 1_000_000)


async def ids(world: World, agent) -> set[str]:
    page = await world.workers.page(world.tenant.call(), size=100, agent_id=agent.id)
    assert (await world.workers.slice(world.tenant.call(), limit=1, offset=0, agent_id=agent.id)).total == len(page.rows)
    return {worker.id for worker in page.rows}


async def test_of_many_who_come_at_once_only_so_many_are_let_in(world: World) -> None:
    call, few = world.tenant.call(), WorkerRegistry(world.database, world.leases, silent_seconds=30, most=3)
    agent, _ = await world.agent(worker=False)
    came = await asyncio.gather(
        *(few.connect(call, agent_id=agent.id, capacity=1) for _ in range(8)), return_exceptions=True
    )
    refused = [each for each in came if isinstance(each, TooMany)]
    assert len(refused) == 5 and refused[0].details == {"limit": 3, "workers": 3}
    there = [each[0] for each in came if not isinstance(each, BaseException)]
    # Who is there may come back, and another agent has places of its own.
    await few.connect(call, agent_id=agent.id, capacity=2, worker_id=there[0].id)
    other, _ = await world.agent(worker=False)
    await few.connect(call, agent_id=other.id, capacity=1)
    await few.leave(call, there[1])
    new, _ = await few.connect(call, agent_id=agent.id, capacity=1)
    with pytest.raises(TooMany):
        await few.connect(call, agent_id=agent.id, capacity=1, worker_id=there[1].id)
    # The one that drains is there as well.
    await few.drain(call, new)
    with pytest.raises(TooMany):
        await few.connect(call, agent_id=agent.id, capacity=1)


async def test_who_was_lost_comes_back_by_a_heartbeat_where_its_place_is_free(world: World) -> None:
    call, one = world.tenant.call(), WorkerRegistry(world.database, world.leases, silent_seconds=30, most=1)
    agent, _ = await world.agent(worker=False)
    first, _ = await one.connect(call, agent_id=agent.id, capacity=1)
    world.wait(31)
    assert await one.find_lost() == 1
    second, _ = await one.connect(call, agent_id=agent.id, capacity=1)
    with pytest.raises(TooMany):
        await one.beat(call, first, [])
    assert (await one.get(call, first.id)).status == WorkerStatus.LOST
    await one.leave(call, second)
    await one.beat(call, first, [])
    assert (await one.get(call, first.id)).status == WorkerStatus.ACTIVE


async def test_workers_are_forgotten_a_day_after_they_have_ended(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    # In several pieces.
    monkeypatch.setattr(bounds, "PAUSE_SECONDS", 0)
    call = world.tenant.call()
    agent, last = await world.agent(max_concurrent_tasks=10)
    gone, lost, back = [(await world.workers.connect(call, agent_id=agent.id, capacity=1))[0] for _ in range(3)]
    many = [(await world.workers.connect(call, agent_id=agent.id, capacity=1))[0] for _ in range(bounds.SWEEP)]
    for worker in (gone, *many):
        await world.workers.leave(call, worker)
    world.wait(20)
    for worker in (last, back):
        await world.workers.beat(call, worker, [])
    world.wait(20)
    assert await world.workers.find_lost() == 1
    assert await forget(world) == 0
    world.wait(DAY)
    await world.workers.beat(call, last, [])
    assert await world.workers.find_lost() == 1
    # It was silent for a day, but counts as lost since now.
    assert await forget(world) == bounds.SWEEP + 2
    assert await ids(world, agent) == {last.id, back.id}
    for worker in (gone, lost):
        with pytest.raises(NotFound):
            await world.workers.get(call, worker.id)
        with pytest.raises(NotFound):
            await world.workers.connect(call, agent_id=agent.id, capacity=1, worker_id=worker.id)
    await world.workers.connect(call, agent_id=agent.id, capacity=1, worker_id=back.id)
    world.wait(DAY + 60)
    assert await world.workers.find_lost() == 2 and await forget(world) == 0


async def test_who_was_there_for_an_agent_last_is_remembered(world: World) -> None:
    call, performance = world.tenant.call(), AgentPerformance(world.database)
    agent, first = await world.agent()
    world.wait(10)
    second, _ = await world.workers.connect(call, agent_id=agent.id, capacity=1)
    for worker in (second, first):
        world.wait(1)
        await world.workers.leave(call, worker)
    seen = (await performance.get(call, agent.id)).last_seen_at
    world.wait(2 * DAY)
    assert await forget(world) == 1 and await ids(world, agent) == {first.id}
    assert (await performance.get(call, agent.id)).last_seen_at == seen is not None


async def test_nobody_is_forgotten_whose_task_is_not_settled(world: World) -> None:
    call = world.tenant.call()
    agent, worker = await world.agent(max_concurrent_tasks=10)
    await world.task(agent_id=agent.id, timeout_seconds=80_000.0)
    other, _ = await world.workers.connect(call, agent_id=agent.id, capacity=1)
    await world.workers.leave(call, worker)
    await world.workers.beat(call, other, [])
    # As if it had been given a task in the moment in which it left.
    (task,) = await world.claim(worker, 1)
    world.wait(2 * DAY)
    assert await forget(world) == 0
    await world.leases.release_expired()
    assert (await world.get(task)).status != TaskStatus.RUNNING
    assert await forget(world) == 1 and await ids(world, agent) == {other.id}
