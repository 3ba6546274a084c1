"""States that tasks could be stuck in, or end in twice, each of which somebody has found once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from server import values
from server.core.queue.completion import failure
from server.core.queue.creation import NewTask
from server.core.agents.profile import AgentProfile
from server.core.queue.retry_policy import RetryPolicy
from server.core.queue.schedule import next_runs
from server.errors import Conflict, InvalidRequest
from server.model import AgentStatus, Priority, SessionStatus, TaskStatus
from tests.support.world import DONE, UPPER, World

BOOM = failure("Boom", "it broke")
ENDS = {"completed", "failed", "cancelled"}


async def one_end(world: World, *tasks) -> None:
    for task in tasks:
        told = await world.history(task)
        assert sum(word in ENDS for word in told) == 1, told


async def test_a_long_chain_of_dependent_tasks_ends_with_its_first(world: World) -> None:
    agent, worker = await world.agent()
    news = [NewTask(agent_id=agent.id, key=f"{n}", depends_on=[f"{n - 1}"] if n else []) for n in range(500)]
    made = await world.tasks.create_all(world.tenant.call(), news)
    (first,) = await world.claim(worker, 1)
    await world.end(first, BOOM)
    assert (await world.get(made[-1])).status == TaskStatus.FAILED
    await one_end(world, made[0], made[250], made[-1])


async def test_many_dependents_are_told_a_few_at_a_time(world: World) -> None:
    agent, worker = await world.agent(max_concurrent_tasks=1000)
    first = await world.task(agent_id=agent.id)
    (claimed,) = await world.claim(worker, 1)
    for _ in range(2):
        await world.tasks.create_all(world.tenant.call(), [NewTask(agent_id=agent.id, depends_on=[first.id])] * 150)
    await world.leases.finish(claimed.id, claimed.attempt, DONE)
    steps = [await world.dependents.tell() for _ in range(4)]
    assert max(steps) <= 200 and sum(steps) >= 300 and steps[-1] == 0
    assert len(await world.claim(worker, 1000)) == 300


async def test_triangles_and_deletions_end_every_task_once(world: World) -> None:
    agent, worker = await world.agent()
    a = await world.task(agent_id=agent.id)
    b = await world.task(agent_id=agent.id, depends_on=[a.id])
    c = await world.task(agent_id=agent.id, depends_on=[a.id, b.id])
    (claimed,) = await world.claim(worker, 1)
    await world.end(claimed, BOOM)
    await one_end(world, a, b, c)
    d = await world.task(agent_id=agent.id)
    e = await world.task(agent_id=agent.id, depends_on=[d.id])
    await world.agents.delete(world.tenant.call(), agent.id)
    await world.tell()
    await one_end(world, d, e)


async def test_dependents_end_once_where_two_servers_tell_them(world: World) -> None:
    agent, worker = await world.agent(max_concurrent_tasks=100)
    firsts = await world.tasks.create_all(world.tenant.call(), [NewTask(agent_id=agent.id)] * 10)
    last = await world.task(agent_id=agent.id, depends_on=[task.id for task in firsts])
    claimed = await world.claim(worker, 100)
    await asyncio.gather(*(world.leases.finish(task.id, task.attempt, DONE) for task in claimed))
    await asyncio.gather(*(world.dependents.tell() for _ in range(6)))
    await world.tell()
    assert (await world.get(last)).waiting_for == 0
    assert (await world.history(last)).count("ready") == 1


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/Berlin"])
def test_a_cron_time_is_never_in_the_past_not_even_in_the_hour_that_comes_twice(zone: str) -> None:
    written = {"type": "cron", "expression": "30 1 * * *", "timezone": zone}
    every = {"type": "cron", "expression": "*/20 * * * *", "timezone": zone}
    for day in (
        datetime(2026, 11, 1, tzinfo=UTC),
        datetime(2026, 10, 25, tzinfo=UTC),
        datetime(2026, 3, 8, tzinfo=UTC),
    ):
        for minute in range(0, 24 * 60, 7):
            after = int(day.timestamp() + minute * 60) * 1_000_000
            for each in (written, every):
                runs = next_runs(each, after)
                assert runs == sorted(set(runs)) and runs[0] > after


async def test_a_task_that_was_held_runs_when_it_is_retried(world: World) -> None:
    call = world.tenant.call()
    agent = await world.agents.create(call, name="a", code=UPPER, requirements=["nothing"])
    task = await world.task(agent_id=agent.id, input={"x": "a"})
    assert task.held
    (installation,) = await world.claims.claim("installation", "h", 1)
    await world.agents.not_installed(installation, agent.requirements, "there is no such package")
    assert (await world.get(task)).status == TaskStatus.FAILED
    await world.agents.update(call, agent.id, requirements=[])
    assert (await world.tasks.retry(call, task.id)).rank is not None
    assert [each.id for each in await world.claims.claim("python", "h", 1)] == [task.id]


async def test_what_could_never_run_is_not_retried(world: World) -> None:
    call = world.tenant.call()
    agent, worker = await world.agent()
    first = await world.task(agent_id=agent.id)
    second = await world.task(agent_id=agent.id)
    both = await world.task(agent_id=agent.id, depends_on=[first.id, second.id])
    await world.tasks.cancel(call, first.id)
    await world.tell()
    with pytest.raises(Conflict, match="retry that one first"):
        await world.tasks.retry(call, both.id)
    await world.tasks.retry(call, first.id)
    assert (await world.tasks.retry(call, both.id)).waiting_for == 2
    for task in await world.claim(worker, 5):
        await world.end(task)
    assert [each.id for each in await world.claim(worker, 5)] == [both.id]
    lonely = await world.task(agent_id=agent.id)
    await world.agents.delete(call, agent.id)
    from server.errors import NotFound

    with pytest.raises(NotFound):
        await world.tasks.retry(call, lonely.id)


async def test_a_recurring_task_that_is_retried_recurs(world: World) -> None:
    agent, _ = await world.agent()
    every = {"type": "cron", "expression": "*/10 * * * *"}
    task = await world.task(agent_id=agent.id, schedule=every)
    await world.tasks.cancel(world.tenant.call(), task.id)
    again = await world.tasks.retry(world.tenant.call(), task.id)
    assert again.next_run_at is not None and again.rank is None


async def test_python_agents_get_tasks_that_found_none_of_them_free(world: World) -> None:
    call = world.tenant.call()
    profile = AgentProfile(type="ocr", max_concurrent_tasks=1)
    first = await world.agents.create(call, name="a", code=UPPER, profile=profile)
    made = [await world.task(type="ocr", input={"x": "a"}) for _ in range(2)]
    (running,) = await world.claims.claim("python", "h", 5)
    assert (await world.get(made[1])).agent_id is None
    await world.end(running)
    assert await world.rerouting.advance() == 1
    assert [task.id for task in await world.claims.claim("python", "h", 5)] == [made[1].id]
    assert first.id


async def test_hopeless_tasks_stand_in_nobodys_way(world: World) -> None:
    gpu = await world.agents.register(
        world.tenant.call(), name="gpu", profile=AgentProfile(type="ocr", capabilities=["gpu"])
    )
    await world.tasks.create_all(world.tenant.call(), [NewTask(type="ocr", capabilities=["gpu"])] * 300)
    anybody = await world.tasks.create_all(world.tenant.call(), [NewTask(type="ocr")] * 5)
    plain, worker = await world.agent("ocr")
    for _ in range(6):
        await world.rerouting.advance()
    claimed = await world.claim(worker, 20)
    assert {task.id for task in claimed} == {task.id for task in anybody}
    assert gpu.id != plain.id


async def test_an_urgent_task_without_an_agent_goes_before_a_backlog(world: World) -> None:
    agent, worker = await world.agent("ocr", max_concurrent_tasks=1)
    await world.tasks.create_all(world.tenant.call(), [NewTask(agent_id=agent.id, priority=Priority.LOW)] * 20)
    (running,) = await world.claim(worker, 1)
    urgent = await world.task(type="ocr", priority=Priority.CRITICAL)
    assert urgent.agent_id is None
    await world.end(running)
    assert [task.id for task in await world.claim(worker, 1)] == [urgent.id]


async def test_a_time_long_past_buys_no_priority(world: World) -> None:
    agent, worker = await world.agent()
    await world.task(agent_id=agent.id, priority=Priority.LOW, schedule={"type": "at", "at": "1970-01-02T00:00:00Z"})
    urgent = await world.task(agent_id=agent.id, priority=Priority.CRITICAL)
    assert [task.id for task in await world.claim(worker, 1)] == [urgent.id]


async def test_a_routed_task_that_comes_back_finds_an_agent_that_can_work(world: World) -> None:
    call = world.tenant.call()
    first, first_worker = await world.agent("ocr")
    task = await world.task(type="ocr", retry=RetryPolicy(max_retries=1, initial_delay=0))
    (claimed,) = await world.claim(first_worker, 1)
    await world.agents.update(call, first.id, disabled=True)
    second, second_worker = await world.agent("ocr")
    await world.end(claimed, BOOM)
    assert [each.id for each in await world.claim(second_worker, 1)] == [task.id]
    assert second.id


async def test_a_disabled_agent_stays_disabled_whoever_shows_up(world: World) -> None:
    call = world.tenant.call()
    agent, worker = await world.agent()
    await world.agents.update(call, agent.id, disabled=True)
    world.wait(31)
    await world.workers.find_lost()
    await world.workers.beat(call, worker, [])
    assert (await world.agents.get(call, agent.id)).status == AgentStatus.INACTIVE
    python = await world.agents.create(call, name="p", code=UPPER)
    await world.agents.update(call, python.id, disabled=True)
    changed = await world.agents.update(call, python.id, requirements=["six"])
    assert changed.status == AgentStatus.INACTIVE
    assert (await world.agents.update(call, python.id, disabled=False)).status == AgentStatus.INSTALLING


async def test_an_installation_takes_no_place_of_the_agents_tasks(world: World) -> None:
    call = world.tenant.call()
    agent = await world.agents.create(
        call, name="p", code=UPPER, requirements=["six"], profile=AgentProfile(max_concurrent_tasks=1)
    )
    await world.claims.claim("installation", "h", 1)
    await world.agents.update(call, agent.id, requirements=[])
    task = await world.task(agent_id=agent.id, input={"x": "a"})
    assert [each.id for each in await world.claims.claim("python", "h", 1)] == [task.id]


async def test_an_agent_type_is_no_capability(world: World) -> None:
    await world.agent("vision", capabilities=["translator"])
    with pytest.raises(InvalidRequest, match="no agent has the type"):
        await world.task(agent_type="translator")
    assert (await world.task(type="translator")).agent_id


async def test_what_races_have_left_behind_is_put_right(world: World) -> None:
    call = world.tenant.call()
    agent, worker = await world.agent()
    task = await world.task(agent_id=agent.id)
    routed = await world.task(type="t")
    assert routed.agent_id == agent.id

    async def as_a_race_would(**values) -> None:
        async def body(transaction) -> None:
            for each, columns in values.items():
                record = {"agent": agent, "task": task}[each]
                await transaction.update(record, **columns)

        await world.database.write(body)

    await as_a_race_would(task={"held": True, "rank": None})
    await world.repairs.look()
    assert (await world.get(task)).rank is not None
    await as_a_race_would(agent={"status": "inactive"})
    await world.repairs.look()
    assert (await world.agents.get(call, agent.id)).status == AgentStatus.ACTIVE
    await as_a_race_would(agent={"deleted_at": world.database.clock()})
    await world.repairs.look()
    assert (await world.get(task)).status == TaskStatus.CANCELLED
    assert (await world.get(routed)).agent_id is None


async def test_a_sweep_that_fails_over_one_task_does_the_others(world: World) -> None:
    agent, worker = await world.agent()
    made = [await world.task(agent_id=agent.id) for _ in range(3)]
    await world.claim(worker, 3)
    # What no code of ours writes, and cannot be read.
    broken = made[1]

    async def body(transaction) -> None:
        await transaction.update(broken, retry="{", deadline_at=1)

    await world.database.write(body)
    world.wait(11)
    released = await world.leases.release_expired()
    assert {task.id for task in released} == {made[0].id, made[2].id}


@pytest.mark.parametrize(
    "what", ["a session that ends", "an agent that is deleted", "an agent that cannot be installed"]
)
async def test_no_task_is_left_behind_however_many_there_are(world: World, what: str) -> None:
    call = world.tenant.call()
    requirements = ["nothing"] if "installed" in what else []
    agent = await world.agents.create(call, name="a", code=UPPER, requirements=requirements)
    session = await world.sessions.create(call, name="s", max_iterations=2000)
    new = NewTask(agent_id=agent.id, session_id=session.id, input=values.encode({"x": "a"}))
    for _ in range(2):
        await world.tasks.create_all(call, [new] * 301)
    if "session" in what:
        await world.sessions.end(call, session.id, SessionStatus.COMPLETED)
    elif "deleted" in what:
        await world.agents.delete(call, agent.id)
    else:
        (installation,) = await world.claims.claim("installation", "h", 1)
        await world.agents.not_installed(installation, agent.requirements, "there is no such package")
    assert (await world.queries.slice(call, limit=1, offset=0, status="pending")).total == 0
