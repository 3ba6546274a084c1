"""Coding sessions, agents that send heartbeats and tasks that are taken apart, by a clock that the test sets."""

from __future__ import annotations

import asyncio
import json
import random

import asyncpg
import pytest

from server import values
from server.apis.industrial.shape import agent_status, execution_time
from server.core.coding.assignments import Assignments
from server.core.coding.checkpoints import Checkpoints
from server.core.sessions.statistics import SessionStatistics
from server.core.coding.sessions import CodingSessions
from server.core.coding.tasks import CodingTasks
from server.core.coding.templates import templates
from server.core.queue.dependencies import Dependencies
from server.core.queue.completion import conclude, end, failure
from server.core.workers.agent_heartbeats import AgentHeartbeats
from server.core.queue.fencing import StaleLease
from server.core.queue.creation import NewTask
from server.core.agents.profile import AgentProfile
from server.core.queue.rows import LOCK
from server.core.agents.performance import AgentSnapshot, AgentPerformance, success_rate, tier
from server.core.workers.reports import completed
from server.errors import Conflict, NotFound, ServiceError, Unavailable
from server.model import Agent, AgentStatus, Priority, SessionStatus, TaskStatus
from tests.support.tenants import make_tenant
from tests.support.waiting import eventually
from tests.support.clock import SECOND
from tests.support.world import DONE, World

BOOM = failure("Boom", "it broke")
ENDS = {"completed", "failed", "cancelled"}
SKILLS = sorted({word for template in templates().values() for part in template.parts for word in part.capabilities})


class Coding:
    def __init__(self, world: World, *, running: int | None = None) -> None:
        self.world = world
        self.sessions = CodingSessions(world.database, running=running)
        self.statistics = SessionStatistics(world.database)
        self.checkpoints = Checkpoints(world.database)
        self.tasks = CodingTasks(world.database)
        self.assignments = Assignments(world.database, lease_seconds=300)
        self.agents = AgentHeartbeats(world.database, silent_seconds=300)
        self.standings = AgentPerformance(world.database)

    def call(self, **more):
        return self.world.tenant.call(**more)

    async def session(self, *, started=True, title="s", priority=Priority.MEDIUM, **more):
        session = await self.sessions.create(self.call(), title=title, type="CODING", priority=priority, **more)
        return await self.sessions.start(self.call(), session.id) if started else session

    async def get(self, session):
        return await self.world.sessions.get(self.call(), session.id)

    async def count(self, session):
        """How many tasks a session counts: in all, completed and failed."""
        _, count = await self.statistics.counted(self.call(), session.id)
        return count.total, count.completed, count.failed

    async def agent(self, *capabilities, name="", **more):
        profile = AgentProfile(
            type="BACKEND", capabilities=list(capabilities), **{"max_concurrent_tasks": 1000, **more}
        )
        return await self.agents.register(self.call(), name=name or f"a{random.random()}", profile=profile)

    async def task(self, session, *capabilities, **more):
        new = NewTask(session_id=session.id, title="t", complexity="LOW", capabilities=capabilities, **more)
        return await self.tasks.create(self.call(), new)

    async def result(self, agent, task, said=None):
        return await self.assignments.result(self.call(), agent.id, task.id, said or await completed(values.NULL))

    async def apart(self, session, template="CRUD"):
        task = await self.task(session)
        return (await self.tasks.decompose(self.call(), task.id, template))[:2]


@pytest.fixture
def postgres(database_url: str) -> None:
    """For what SQLite, where one transaction follows the other, knows nothing of."""
    if database_url.startswith("sqlite"):
        pytest.skip("about PostgreSQL")


@pytest.fixture
def coding(world: World) -> Coding:
    return Coding(world)


async def standing(coding: Coding, agent) -> AgentSnapshot:
    return await coding.standings.get(coding.call(), agent.id)


async def test_the_duration_of_a_session_is_the_time_that_it_runs(coding: Coding, world: World) -> None:
    sessions, call = coding.sessions, coding.call
    session = await coding.session(started=False, max_seconds=100)
    world.wait(1000)
    assert await world.sessions.expire() == 0, "it has not been started"
    session = await sessions.start(call(), session.id)
    world.wait(60)
    paused = await sessions.pause(call(), session.id)
    assert 60 <= paused.ran / SECOND < 60.1 and paused.expires_at is None
    world.wait(10_000)
    assert await world.sessions.expire() == 0
    assert execution_time(await coding.get(session), world.database.clock()) == paused.ran
    session = await sessions.resume(call(), session.id)
    world.wait(39)
    assert await world.sessions.expire() == 0
    assert 99 <= execution_time(await coding.get(session), world.database.clock()) / SECOND < 99.1
    world.wait(1.1)
    assert await world.sessions.expire() == 1
    over = await coding.get(session)
    assert over.status == SessionStatus.EXPIRED and over.resumed_at is None
    assert 100 <= execution_time(over, world.database.clock()) / SECOND < 100.2
    world.wait(50)
    assert execution_time(over, world.database.clock()) == over.ran
    with pytest.raises(Conflict) as caught:
        await sessions.retry(call(), session.id)
    assert caught.value.reason == "NOT_RECOVERABLE"


async def test_a_session_that_was_retried_has_all_its_time_again(coding: Coding, world: World) -> None:
    session = await coding.session(max_seconds=100)
    await coding.checkpoints.keep(coding.call(), session.id, "c", values.EMPTY_OBJECT)
    world.wait(101)
    assert await world.sessions.expire() == 1
    again = await coding.sessions.retry(coding.call(), session.id)
    assert (again.ran, again.started_at, again.expires_at, again.completed_at) == (0, None, None, None)
    started = await coding.sessions.start(coding.call(), session.id)
    assert started.started_at > session.started_at and started.expires_at == started.started_at + 100 * SECOND
    world.wait(99)
    assert await world.sessions.expire() == 0


async def test_a_session_that_is_due_takes_no_task_even_before_the_sweep(coding: Coding, world: World) -> None:
    session = await coding.session(max_seconds=100)
    task = await coding.task(session)
    world.wait(101)
    for action in (coding.task(session), coding.tasks.decompose(coding.call(), task.id, "CRUD")):
        with pytest.raises(Conflict) as caught:
            await action
        assert caught.value.reason == "SESSION_ENDED"


async def test_the_time_of_a_plain_session_that_was_paused_leaves_the_pause_out(coding: Coding, world: World) -> None:
    agent, _ = await world.agent()
    session = await world.sessions.create(coding.call(), name="plain", timeout_seconds=1000)
    world.wait(50)
    task = await world.task(agent_id=agent.id, session_id=session.id)
    world.wait(30)
    paused = await coding.sessions.pause(coding.call(), session.id)
    assert 30 <= paused.ran / SECOND < 30.1
    world.wait(5000)
    assert await world.sessions.expire() == 0
    assert execution_time(await coding.get(session), world.database.clock()) == paused.ran
    await coding.sessions.resume(coding.call(), session.id)
    world.wait(10)
    await world.tasks.cancel(coding.call(), task.id)
    done = await coding.sessions.complete(coding.call(), session.id)
    world.wait(10)
    assert 40 <= execution_time(done, world.database.clock()) / SECOND < 40.1


async def test_a_plain_session_that_nobody_pauses_runs_from_its_first_task_to_its_end(coding, world) -> None:
    agent, _ = await world.agent()
    session = await world.sessions.create(coding.call(), name="plain")
    assert execution_time(session, world.database.clock()) == 0
    world.wait(50)
    await world.task(agent_id=agent.id, session_id=session.id)
    world.wait(30)
    assert 30 <= execution_time(await coding.get(session), world.database.clock()) / SECOND < 30.1
    over = await world.sessions.end(coding.call(), session.id, SessionStatus.COMPLETED)
    world.wait(30)
    assert 30 <= execution_time(over, world.database.clock()) / SECOND < 30.1


async def test_queued_sessions_start_by_priority_and_age_as_far_as_there_is_room(world: World) -> None:
    coding = Coding(world, running=2)
    running = [await coding.session() for _ in range(2)]
    order = [Priority.LOW, Priority.HIGH, Priority.CRITICAL, Priority.HIGH]
    queued = [await coding.session(priority=each) for each in order]
    assert {each.status for each in queued} == {SessionStatus.QUEUED}
    assert await coding.sessions.start_queued() == 0
    # Each organization has bounds of its own.
    other = (await make_tenant(world.database)).call()
    theirs = await coding.sessions.create(other, title="t", type="CODING", priority=Priority.LOW)
    assert (await coding.sessions.start(other, theirs.id)).status == SessionStatus.RUNNING
    await coding.sessions.pause(coding.call(), running[0].id)
    assert await coding.sessions.start_queued() == 1
    assert (await coding.get(queued[2])).status == SessionStatus.RUNNING
    # One that goes on may be one more than start, and then nobody starts before two are gone.
    await coding.sessions.resume(coding.call(), running[0].id)
    await coding.sessions.cancel(coding.call(), running[1].id, "")
    assert await coding.sessions.start_queued() == 0
    await world.sessions.delete(coding.call(), running[0].id)
    await world.sessions.end(coding.call(), queued[2].id, SessionStatus.COMPLETED)
    assert await coding.sessions.start_queued() == 2
    states = [(await coding.get(each)).status for each in queued]
    assert states == [SessionStatus.QUEUED, SessionStatus.RUNNING, SessionStatus.COMPLETED, SessionStatus.RUNNING]
    # A bound that is lifted lets the rest go.
    assert await Coding(world).sessions.start_queued() == 1


async def test_tiers_begin_at_ten_tasks_and_at_their_rates(coding: Coding, world: World) -> None:
    cases = {
        (9, 0): "STANDARD",
        (0, 9): "STANDARD",
        (10, 0): "ELITE",
        (0, 10): "PROBATION",
        (19, 1): "ELITE",
        (18, 1): "STANDARD",
        (7, 3): "STANDARD",
        (69, 31): "PROBATION",
        (70, 30): "STANDARD",
        (94, 6): "STANDARD",
        (95, 5): "ELITE",
    }
    for (done, failed), wanted in cases.items():
        made = await coding.agent()

        async def body(transaction, made=made, done=done, failed=failed):
            await transaction.update(made, tasks_completed=done, tasks_failed=failed)

        await world.database.write(body)
        agent = (await standing(coding, made)).agent
        assert tier(agent) == wanted, (done, failed)
        assert success_rate(agent) == round(done / (done + failed), 4)
    figures = await coding.standings.performance(coding.call())
    words = list(cases.values())
    assert figures.by_tier == {word: words.count(word) for word in ("ELITE", "STANDARD", "PROBATION")}
    assert (figures.agents, figures.there) == (11, 11) and figures.tasks_completed == sum(done for done, _ in cases)
    rates = [done / (done + failed) for done, failed in cases]
    assert figures.success_rate == pytest.approx(sum(rates) / len(rates), abs=0.0001)
    await coding.agent()
    assert (await coding.standings.performance(coding.call())).success_rate == figures.success_rate


def test_the_status_of_an_agent_follows_from_its_heartbeats_its_load_and_its_room() -> None:
    def shown(**more) -> str:
        agent = {"status": "active", "max_concurrent_tasks": 2, **more.pop("agent", {})}
        made = Agent.new(id="a", organization_id="o", name="n", created_at=0, updated_at=0, **agent)
        return agent_status(AgentSnapshot(made, **more), 100 * SECOND)

    fresh = {"last_seen_at": 36 * SECOND}
    assert shown(**fresh) == shown(load=0, **fresh) == shown() == "IDLE"
    assert shown(running=1, **fresh) == shown(load=1, **fresh) == shown(load=79.9, **fresh) == "ACTIVE"
    assert shown(load=80, **fresh) == shown(load=94.9, **fresh) == shown(running=2, load=0, **fresh) == "BUSY"
    assert shown(running=2, **fresh) == "BUSY", "a full one is not overloaded"
    assert shown(load=95, **fresh) == shown(load=0, last_seen_at=34 * SECOND) == "DEGRADED"
    for status in AgentStatus:
        if status != AgentStatus.ACTIVE:
            assert shown(agent={"status": status.value}, load=50, **fresh) == "OFFLINE"
    assert shown(agent={"deleted_at": 1}, **fresh) == "OFFLINE"


async def test_many_agents_that_go_silent_are_offline_and_their_leases_return(coding: Coding, world: World) -> None:
    # Whichever few of them are looked at when a task comes: they have room for it.
    silent = [await coding.agent("X", max_concurrent_tasks=10) for _ in range(40)]
    session = await coding.session()
    tasks = [await coding.task(session, "X") for _ in range(60)]
    begun = [await coding.assignments.begin(coding.call(), task.id, task.agent_id) for task in tasks]
    assert {task.status for task in begun} == {TaskStatus.RUNNING}
    world.wait(299)
    await coding.agents.beat(coding.call(), silent[0].id, 1)
    world.wait(2)
    alive = await coding.agent("X", max_concurrent_tasks=1000)
    assert await world.workers.find_lost() == 39
    kept = {task.id for task in begun if task.agent_id == silent[0].id}
    for task in begun:
        seen = await world.get(task)
        if task.id in kept:
            assert (seen.status, seen.attempt) == (TaskStatus.RUNNING, 1)
        else:
            assert (seen.status, seen.lost) == (TaskStatus.PENDING, 1) and seen.lease_holder is None
            assert seen.agent_id in (None, alive.id, silent[0].id)
    while await world.rerouting.advance():
        pass
    for task in begun:
        seen = await world.get(task)
        assert seen.agent_id in (alive.id, silent[0].id)
        if task.id not in kept and seen.agent_id == alive.id:
            with pytest.raises(StaleLease):
                await coding.assignments.result(coding.call(), task.agent_id, task.id, await completed(values.NULL))
            await coding.result(alive, seen)
    for agent in silent[1:]:
        assert agent_status(await standing(coding, agent), world.database.clock()) == "OFFLINE"
        await coding.agents.beat(coding.call(), agent.id, None)
        assert agent_status(await standing(coding, agent), world.database.clock()) == "IDLE"


async def test_nobody_is_alarmed_any_more_by_an_agent_that_has_been_deregistered(coding: Coding, world: World) -> None:
    agent = await coding.agent()
    world.wait(400)
    assert await world.workers.find_lost() == 1
    organization = world.tenant.caller.organization_id

    async def said() -> list[str]:
        events = await world.feeds.page(organization, 0, 100)
        return [event.type for event in events if event.type.startswith("system.")]

    assert await said() == ["system.alert"]
    await coding.agents.deregister(coding.call(), agent.id)
    assert await said() == ["system.alert", "system.alert_resolved"]


async def test_heartbeats_that_say_nothing_new_are_shown_now_and_then(coding: Coding, world: World) -> None:
    agent = await coding.agent()
    for _ in range(20):
        world.wait(1)
        await coding.agents.beat(coding.call(), agent.id, 10)
    shown = [each for each in await world.history(agent) if each == "worker.heartbeat"]
    assert 3 <= len(shown) <= 6


async def test_an_agent_that_was_deleted_through_another_api_is_gone_here_too(coding: Coding, world: World) -> None:
    agent = await coding.agent("X")
    session = await coding.session()
    task = await coding.task(session, "X")
    await coding.assignments.begin(coding.call(), task.id, agent.id)
    await world.agents.delete(coding.call(), agent.id)
    for action in (
        coding.agents.beat(coding.call(), agent.id, 1),
        coding.agents.deregister(coding.call(), agent.id),
        coding.assignments.assigned(coding.call(), agent.id, limit=1, offset=0),
    ):
        with pytest.raises(NotFound):
            await action
    world.wait(400)
    assert await world.workers.find_lost() == 1
    assert (await coding.standings.list(coding.call(), limit=10, offset=0))[1] == 0
    # Its name is free.
    assert (await coding.agent(name=agent.name)).id != agent.id


async def test_templates_that_say_what_cannot_be_are_refused(tmp_path) -> None:
    good = (
        'name = "N"\ndescription = "d"\nkeywords = ["n"]\n[[parts]]\nkey = "a"\ntitle = "t"\ndescription = "d"\ncomplexity = "LOW"\n'
        'capabilities = ["X"]\nestimated_minutes = 1\n'
    )
    (tmp_path / "n.toml").write_text(good)
    assert list(templates(tmp_path)) == ["N"]
    for number, wrong in enumerate(
        (
            good.replace("LOW", "TINY"),
            good.replace('["X"]', "[]"),
            good + 'depends_on = ["later"]\n',
            good + 'depends_on = ["a"]\n',
            good.replace("estimated_minutes = 1\n", ""),
            good + "unknown = 1\n",
            good + good[good.index("[[") :],
            'name = "N"\ndescription = "d"\nkeywords = ["n"]\nparts = []\n',
            'name = "N"\ndescription = "d"\nkeywords = ["n"]\n',
            good.replace('["n"]', "[]"),
            good.replace('["n"]', '["Upper"]'),
            good.replace('keywords = ["n"]\n', ""),
        )
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "n.toml").write_text(wrong)
        with pytest.raises(ValueError, match=r"n\.toml"):
            templates(folder)


async def test_a_new_template_is_a_file(tmp_path) -> None:
    for template in templates().values():
        known: set[str] = set()
        for part in template.parts:
            assert set(part.depends_on) <= known and part.estimated_minutes > 0
            known.add(part.key)


async def test_who_dies_after_a_part_has_ended_leaves_its_whole_to_others(coding: Coding, world: World) -> None:
    agent = await coding.agent(*SKILLS)
    session = await coding.session()
    task, parts = await coding.apart(session, "REFACTORING")
    for number, part in enumerate(parts):
        await coding.result(agent, part)
        assert (await world.get(task)).waiting_for == 4 - number
        # Another process looks.
        await Dependencies(world.database).tell()
        while await world.dependents.tell():
            pass
        assert (await world.get(task)).waiting_for == 3 - number
    assert (await world.get(task)).status == TaskStatus.COMPLETED
    assert await coding.count(session) == (5, 5, 0)


async def test_a_task_that_was_put_back_may_be_decomposed_and_fail(coding: Coding, world: World) -> None:
    agent = await coding.agent("backend")
    session = await coding.session()
    task = await coding.task(session)
    await coding.assignments.assign(coding.call(), task.id, agent.id)
    await coding.assignments.begin(coding.call(), task.id, agent.id)
    await coding.tasks.put_back(coding.call(), task.id)
    _, parts, _ = await coding.tasks.decompose(coding.call(), task.id, "CRUD")

    async def fail(transaction) -> None:
        await end(transaction, await transaction.one(LOCK, id=parts[0].id), failure("Boom", "no", retryable=False))

    await world.database.write(fail)
    await world.tell()
    for part in parts[1:]:
        if (await world.get(part)).status == TaskStatus.PENDING:
            await coding.tasks.cancel(coding.call(), part.id)
    await world.tell()
    ended = await world.get(task)
    assert ended.status == TaskStatus.FAILED
    assert [each.outcome for each in await world.queries.attempts(ended)] == ["released"]


async def test_parts_that_end_together_are_each_counted_once(coding: Coding, world: World) -> None:
    agent = await coding.agent(*SKILLS)
    session = await coding.session()
    for _ in range(5):
        task, parts = await coding.apart(session)
        await coding.result(agent, parts[0])
        await world.tell()
        await asyncio.gather(*(coding.result(agent, part) for part in parts[1:5]))
        await asyncio.gather(*(Dependencies(world.database).tell() for _ in range(4)))
        await world.tell()
        await coding.result(agent, parts[5])
        await asyncio.gather(*(Dependencies(world.database).tell() for _ in range(4)))
        await world.tell()
        done = await world.get(task)
        assert (done.status, done.waiting_for, done.progress) == (TaskStatus.COMPLETED, 0, 100)
        told = await world.history(task)
        assert sum(word in ENDS for word in told) == 1, told
    assert await coding.count(session) == (35, 35, 0)


async def test_a_part_that_is_cancelled_with_its_session_ends_once(coding: Coding, world: World) -> None:
    await coding.agent(*SKILLS)
    session = await coding.session()
    task, parts = await coding.apart(session)
    await coding.sessions.cancel(coding.call(), session.id, "enough")
    await world.tell()
    assert (await world.get(task)).status == TaskStatus.CANCELLED
    for part in parts:
        told = await world.history(part)
        assert sum(word in ENDS for word in told) == 1, told


async def test_tasks_that_a_recurring_one_makes_count_in_its_session(coding: Coding, world: World) -> None:
    agent, worker = await world.agent()
    session = await world.sessions.create(coding.call(), name="plain", timeout_seconds=1000)
    await world.task(agent_id=agent.id, session_id=session.id, schedule={"type": "cron", "expression": "* * * * *"})
    for _ in range(3):
        world.wait(60)
        await world.timetable.advance()
        for task in await world.claim(worker, 10):
            await world.end(task, DONE)
    total, completed_tasks, _ = await coding.count(session)
    assert completed_tasks == 3 and total >= 3


async def test_pausing_while_tasks_are_claimed_and_ended_loses_none(coding: Coding, world: World) -> None:
    agent, worker = await world.agent("CODE", max_concurrent_tasks=5)
    session = await coding.session(max_seconds=80_000)
    for _ in range(30):
        await world.tasks.create(
            coding.call(), NewTask(session_id=session.id, agent_id=agent.id, type="x", input=values.encode({}))
        )
    over = asyncio.Event()
    paused = False

    async def switch() -> None:
        nonlocal paused
        while not over.is_set():
            await coding.sessions.pause(coding.call(), session.id)
            paused = True
            for _ in range(3):
                # Nothing is begun while it is paused.
                assert not await world.claim(worker, 5)
            paused = False
            await coding.sessions.resume(coding.call(), session.id)
            while await world.timetable.advance():
                pass
            await asyncio.sleep(0.002)

    async def work() -> None:
        done = 0
        while done < 30:
            for task in await world.claim(worker, 2):
                if random.random() < 0.3:
                    await world.leases.give_back(worker.holder)
                    break
                try:
                    await world.leases.finish(task.id, task.attempt, DONE)
                    done += 1
                except StaleLease:
                    continue
            await asyncio.sleep(0)
            done = (await coding.count(session))[1]
        over.set()

    async with asyncio.timeout(60):
        switching = asyncio.create_task(switch())
        await work()
        await switching
    await coding.sessions.complete(coding.call(), session.id)
    assert await coding.count(session) == (30, 30, 0) and not paused


async def test_who_pauses_a_session_and_who_ends_a_task_of_it_do_not_wait_for_each_other(
    postgres, coding, world
) -> None:
    agent = await coding.agent()
    session = await coding.session()
    task = await coding.task(session)
    await coding.assignments.assign(coding.call(), task.id, agent.id)
    begun = await coding.assignments.begin(coding.call(), task.id, agent.id)
    look = await asyncpg.connect(world.database.url)
    pausing: list[asyncio.Task] = []
    began = asyncio.get_running_loop().time()

    async def blocked() -> bool:
        return await look.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted") > 0

    async def body(transaction) -> None:
        held = await transaction.one(LOCK, id=begun.id)
        if not pausing:
            pausing.append(asyncio.create_task(coding.sessions.pause(coding.call(), session.id)))
            await eventually(blocked)
        await conclude(transaction, held, DONE)

    try:
        await world.database.write(body)
        assert (await pausing[0]).status == SessionStatus.PAUSED
    finally:
        await look.close()
    assert asyncio.get_running_loop().time() - began < 0.9, "PostgreSQL had to end one of the two, which takes a second"


@pytest.mark.parametrize("seed", range(3))
async def test_everything_at_once_ends_consistently(coding: Coding, world: World, seed: int) -> None:
    chance = random.Random(seed)
    agents = [await coding.agent(*SKILLS, name=f"a{n}") for n in range(4)]
    sessions = [await coding.session(max_seconds=80_000) for _ in range(3)]
    problems: list[BaseException] = []

    async def attempt(action) -> None:
        try:
            await action
        except Unavailable as error:
            if error.reason != "AGENT_UNAVAILABLE":
                problems.append(error)
        except ServiceError:
            pass
        except Exception as error:
            problems.append(error)

    async def some_task(session):
        page = await world.queries.slice(coding.call(), limit=100, offset=0, session_id=session.id)
        return chance.choice(page.rows) if page.rows else None

    async def user() -> None:
        for _ in range(25):
            session, agent = chance.choice(sessions), chance.choice(agents)
            task = await some_task(session)
            call, done = coding.call(), await completed(values.encode(1), tokens_used=1)
            actions = [
                lambda: coding.task(session, chance.choice(SKILLS)),
                lambda: coding.task(session),
                lambda: coding.apart(session, chance.choice(list(templates()))),
                lambda: coding.sessions.pause(call, session.id),
                lambda: coding.sessions.resume(call, session.id),
                lambda: coding.agents.beat(call, agent.id, chance.randrange(100)),
                lambda: coding.checkpoints.keep(call, session.id, "k", values.EMPTY_OBJECT),
            ]
            if task is not None:
                actions += [
                    lambda: coding.assignments.assign(call, task.id, agent.id),
                    lambda: coding.tasks.decompose(call, task.id, "UI"),
                    lambda: coding.assignments.begin(call, task.id, task.agent_id or agent.id),
                    lambda: coding.assignments.result(call, task.agent_id or agent.id, task.id, done),
                    lambda: coding.assignments.result(call, task.agent_id or agent.id, task.id, BOOM),
                    lambda: coding.tasks.cancel(call, task.id),
                    lambda: coding.tasks.put_back(call, task.id),
                    lambda: world.tasks.retry(call, task.id),
                ]
            await attempt(chance.choice(actions)())

    async def sweeper() -> None:
        while not over.is_set():
            for sweep in (
                world.dependents.tell,
                world.timetable.advance,
                world.rerouting.advance,
                coding.sessions.start_queued,
                world.workers.find_lost,
            ):
                await attempt(sweep())
            await asyncio.sleep(0)

    async def leaver() -> None:
        for number in range(3):
            await asyncio.sleep(0.05)
            await attempt(coding.agents.deregister(coding.call(), agents[number].id))
            agents[number] = await coding.agent(*SKILLS, name=f"new {number}")

    over = asyncio.Event()
    async with asyncio.timeout(100):
        sweeping = [asyncio.create_task(sweeper()) for _ in range(2)]
        await asyncio.gather(*(user() for _ in range(6)), leaver())
        over.set()
        await asyncio.gather(*sweeping)
    assert not problems, problems
    for session in sessions:
        if (await coding.get(session)).status == SessionStatus.PAUSED:
            await coding.sessions.resume(coding.call(), session.id)
        await coding.sessions.cancel(coding.call(), session.id, "")
        world.wait(20)
        await world.tell()
        while await world.leases.release_expired():
            await world.tell()
        rows, offset = [], 0
        while True:
            page = await world.queries.slice(coding.call(), limit=100, offset=offset, session_id=session.id)
            rows += page.rows
            offset += 100
            if len(page.rows) < 100:
                break
        by_status = {status: sum(task.status == status for task in rows) for status in TaskStatus}
        assert by_status[TaskStatus.PENDING] == by_status[TaskStatus.RUNNING] == 0, by_status
        assert await coding.count(session) == (len(rows), by_status[TaskStatus.COMPLETED], by_status[TaskStatus.FAILED])
        for task in rows:
            assert not (await world.get(task)).waiting_for or task.status != TaskStatus.COMPLETED
            assert json.loads(task.capabilities) is not None
