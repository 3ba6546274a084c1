"""What an agent has done, out of its real history."""

from __future__ import annotations

import pytest

from server import values
from server.core.agents.history import AgentHistory
from server.core.agents.shifts import Shifts
from server.core.queue.completion import failure
from server.errors import InvalidRequest, NotFound
from server.model import Rating
from tests.core.agents.test_working_hours import at, begin
from tests.support.tenants import make_tenant
from tests.support.world import World

HOUR = 3600


async def do(world: World, agent, worker, seconds: float, wait: float = 0):
    """A task that is begun so long after it was made, and takes so long."""
    task = await world.task(agent_id=agent.id)
    world.wait(wait)
    (claimed,) = await world.claim(worker, 1)
    # Leases of the world are short, and nobody looks for those that have run out.
    world.wait(seconds)
    return await world.end(claimed)


async def test_figures_are_those_of_what_was_done(world: World) -> None:
    begin(world, "2027-03-01T10:00:00")
    agent, worker = await world.agent(max_concurrent_tasks=5)
    history, call = AgentHistory(world.database), world.tenant.call()
    await do(world, agent, worker, 60, wait=60)
    await do(world, agent, worker, 120, wait=60)
    task = await world.task(agent_id=agent.id)
    await world.tasks.cancel(call, task.id)
    await world.task(agent_id=agent.id)
    (claimed,) = await world.claim(worker, 1)
    world.wait(60)
    await world.end(claimed, failure("Boom", "it broke"))
    found = await history.metrics(call, agent.id)
    assert (found.completed, found.failed, found.cancelled, found.ended) == (2, 1, 1, 4)
    assert found.response_seconds == pytest.approx(90, abs=0.1)
    assert found.completion_hours == pytest.approx(150 / HOUR, abs=1e-4)
    assert found.active_hours == pytest.approx(240 / HOUR, abs=1e-4)
    assert found.hours == pytest.approx(360 / HOUR, abs=1e-4)
    assert list(found.peaks) == ["10:00-11:00"]
    assert found.quality is None and found.satisfaction is None and found.code_quality is None
    assert found.start == agent.created_at
    # A period counts what ended in it, and the part of what was done that lies in it.
    first = at("2027-03-01T10:00:00", "UTC")
    part = await history.metrics(call, agent.id, start=first, end=first + 90_000_000)
    assert part.ended == 0 and part.response_seconds is None
    assert part.active_hours == pytest.approx(30 / HOUR, abs=1e-4)
    assert part.hours == pytest.approx(90 / HOUR, abs=1e-4)


async def test_what_is_done_at_the_same_time_is_not_counted_twice(world: World) -> None:
    agent, worker = await world.agent(max_concurrent_tasks=5, retry_attempts=2)
    for _ in range(3):
        await world.task(agent_id=agent.id)
        world.wait(10)
    claimed = await world.claim(worker, 2)
    world.wait(100)
    await world.end(claimed[0])
    claimed += await world.claim(worker, 1)
    world.wait(100)
    # The attempt is kept, and the task goes on later.
    await world.end(claimed[1], failure("Boom", "it broke"))
    world.wait(100)
    found = await AgentHistory(world.database).metrics(world.tenant.call(), agent.id)
    # One still runs.
    assert found.active_hours == pytest.approx(300 / HOUR, abs=1e-3)
    assert found.ended == 1


async def test_ratings_are_averaged_and_only_those_of_the_period(world: World) -> None:
    begin(world, "2027-03-01T10:00:00")
    agent, worker = await world.agent()
    made = world.database.clock.now
    said = [(0.8, 4.0, None, made), (1.0, 5.0, 0.9, made), (0.0, 1.0, 0.1, made + 10 * HOUR * 1_000_000)]
    for quality, satisfaction, code, when in said:
        task = await do(world, agent, worker, 1)

        async def body(transaction, task=task, quality=quality, satisfaction=satisfaction, code=code, when=when):
            rating = Rating.new(
                task_id=task.id,
                user_id=world.tenant.caller.user_id,
                organization_id=task.organization_id,
                agent_id=agent.id,
                quality=quality,
                satisfaction=satisfaction,
                code_quality=code,
                created_at=when,
            )
            await transaction.insert(rating)

        await world.database.write(body)
    found = await AgentHistory(world.database).metrics(world.tenant.call(), agent.id)
    assert found.quality == pytest.approx(0.9) and found.satisfaction == pytest.approx(4.5)
    assert found.code_quality == pytest.approx(0.9)


async def test_hours_are_those_on_duty_and_peaks_are_by_the_agents_own_clock(world: World) -> None:
    begin(world, "2027-03-01T03:00:00")
    hours = {"timezone": "Asia/Kolkata", "start": "09:00", "end": "17:00"}
    agent, worker = await world.agent(working_hours=values.encode(hours))
    shifts = Shifts(world.database)
    # 09:00 in India.
    world.wait(0.5 * HOUR)
    await shifts.sweep()
    for _ in range(2):
        await do(world, agent, worker, HOUR)
    world.wait(6 * HOUR)
    await shifts.sweep()
    world.wait(4 * HOUR)
    found = await AgentHistory(world.database).metrics(world.tenant.call(), agent.id)
    assert found.hours == pytest.approx(8, abs=0.01) and found.active_hours == pytest.approx(2, abs=0.01)
    assert list(found.peaks) == ["10:00-12:00"]


async def test_nobody_sees_the_history_of_others_or_of_a_period_that_ends_before_it_begins(world: World) -> None:
    agent, _ = await world.agent()
    history = AgentHistory(world.database)
    with pytest.raises(InvalidRequest) as refused:
        await history.metrics(world.tenant.call(), agent.id, start=2_000_000, end=1_000_000)
    assert refused.value.details["field"] == "end"
    other = await make_tenant(world.database)
    with pytest.raises(NotFound):
        await history.metrics(other.call(), agent.id)
