"""What decides which task runs when, where and how often."""

from __future__ import annotations

import asyncio
import json
from copy import copy

import pytest
from sqlalchemy import select

from server import values
from server.core.agents.profile import AgentProfile
from server.core.queue.completion import failure
from server.core.queue.creation import NewTask
from server.core.queue.fencing import StaleLease
from server.core.queue.lease_service import LeaseService
from server.core.queue.retry_policy import RetryPolicy
from server.core.queue import due_tasks
from server.core.queue import turns as queue_turns
from server.core.queue.claims import INTERNAL, WINDOW
from server.core.queue.due_tasks import DueTasks
from server.core.queue.schedule import next_runs
from server.core.queue.turns import Turns
from server.errors import Conflict, InvalidRequest, NotFound
from server.model import AgentStatus, Priority, TaskStatus
from server.store.statement import Statement
from server.work.dispatch import Dispatcher
from tests.support.tenants import make_tenant
from tests.support.waiting import eventually
from tests.support.world import DONE, UPPER, WIDE, World

BOOM = failure("Boom", "it broke")
DAY = 86_400


async def test_urgent_tasks_go_first_and_low_ones_never_starve(world: World) -> None:
    agent, worker = await world.agent(max_concurrent_tasks=1000)
    low = await world.task(agent_id=agent.id, priority=Priority.LOW)
    world.wait(1)
    others = {each: await world.task(agent_id=agent.id, priority=each) for each in reversed(Priority) if each}
    first = [(await world.claim(worker, 1))[0].id for _ in range(2)]
    assert first == [others[Priority.CRITICAL].id, others[Priority.HIGH].id]
    # A quarter of an hour later, what has waited stands before the most urgent that comes now.
    world.wait(15 * 60)
    critical = await world.task(agent_id=agent.id, priority=Priority.CRITICAL)
    order = [(await world.claim(worker, 1))[0].id for _ in range(3)]
    assert order == [others[Priority.MEDIUM].id, low.id, critical.id]


async def test_an_agent_never_has_more_tasks_than_it_may(world: World) -> None:
    agent, worker = await world.agent(max_concurrent_tasks=3)
    for _ in range(10):
        await world.task(agent_id=agent.id)
    claims = await asyncio.gather(*(world.claim(worker, 2) for _ in range(6)))
    held = [task for claim in claims for task in claim]
    assert len(held) == 3
    assert await world.claim(worker, 5) == []
    await world.end(held[0])
    await world.end(held[1], BOOM)
    assert len(await world.claim(worker, 5)) == 2


async def test_one_busy_agents_backlog_keeps_no_other_agent_waiting(world: World) -> None:
    busy = await world.agents.create(
        world.tenant.call(), name="busy", code=UPPER, profile=AgentProfile(max_concurrent_tasks=1)
    )
    for _ in range(3):
        await world.tasks.create_all(
            world.tenant.call(), [NewTask(agent_id=busy.id, input=values.encode({"x": "a"}))] * 30
        )
    assert len(await world.claims.claim("python", "h", 8)) == 1
    free = await world.agents.create(world.tenant.call(), name="free", code=UPPER)
    task = await world.task(agent_id=free.id, input={"x": "a"})
    (claimed,) = await world.claims.claim("python", "h", 8)
    assert claimed.id == task.id


async def test_failed_attempts_are_followed_by_others_later_and_later(world: World) -> None:
    agent, worker = await world.agent()
    policy = RetryPolicy(max_retries=2, initial_delay=10, multiplier=3, jitter=0)
    task = await world.task(agent_id=agent.id, retry=policy)
    for delay in (10, 30):
        (claimed,) = await world.claim(worker, 1)
        again = await world.end(claimed, BOOM)
        assert again.status == TaskStatus.PENDING and json.loads(again.error)["type"] == "Boom"
        world.wait(delay - 1)
        await world.timetable.advance()
        assert await world.claim(worker, 1) == []
        world.wait(2)
        assert await world.timetable.advance() == 1
    (claimed,) = await world.claim(worker, 1)
    dead = await world.end(claimed, BOOM)
    assert dead.status == TaskStatus.FAILED
    attempts = await world.queries.attempts(dead)
    assert [(each.number, each.outcome) for each in attempts] == [(1, "failed"), (2, "failed"), (3, "failed")]
    retries = ["started", "retrying", "ready"] * 2
    assert await world.history(task) == ["created", *retries, "started", "failed"]
    # An operator may put it back, and it may succeed.
    assert (await world.tasks.retry(world.tenant.call(), task.id)).status == TaskStatus.PENDING
    (claimed,) = await world.claim(worker, 1)
    assert claimed.attempt == 4 and (await world.end(claimed)).status == TaskStatus.COMPLETED
    assert [each.outcome for each in await world.queries.attempts(dead)] == ["failed"] * 3 + ["completed"]
    with pytest.raises(Conflict):
        await world.tasks.retry(world.tenant.call(), task.id)


async def test_the_agents_figure_counts_where_the_task_has_no_policy(world: World) -> None:
    agent, worker = await world.agent(retry_attempts=1)
    await world.task(agent_id=agent.id)
    (claimed,) = await world.claim(worker, 1)
    assert (await world.end(claimed, BOOM)).status == TaskStatus.PENDING
    world.wait(5)
    await world.timetable.advance()
    (claimed,) = await world.claim(worker, 1)
    assert (await world.end(claimed, BOOM)).status == TaskStatus.FAILED
    await world.task(agent_id=agent.id)
    (claimed,) = await world.claim(worker, 1)
    assert (await world.end(claimed, failure("Bad", "for good", retryable=False))).status == TaskStatus.FAILED


async def test_an_attempt_that_takes_longer_than_its_timeout_is_over_however_well_it_is_kept(world: World) -> None:
    agent, worker = await world.agent()
    task = await world.task(agent_id=agent.id, timeout_seconds=20, retry=RetryPolicy(max_retries=1, initial_delay=0))
    (claimed,) = await world.claim(worker, 1)
    for _ in range(5):
        world.wait(6)
        await world.workers.beat(world.tenant.call(), worker, [(claimed.id, claimed.attempt)])
        await world.leases.release_expired()
    again = await world.get(task)
    assert again.status == TaskStatus.PENDING and again.failures == 1
    with pytest.raises(StaleLease):
        await world.end(claimed)
    assert [each.outcome for each in await world.queries.attempts(task)] == ["timed_out"]


@pytest.mark.parametrize("schedule", [{"type": "delay", "seconds": 30}, {"type": "at", "at": "2027-01-15T08:00:31Z"}])
async def test_a_task_waits_for_its_time(world: World, schedule: dict) -> None:
    agent, worker = await world.agent()
    task = await world.task(agent_id=agent.id, schedule=schedule)
    assert await world.claim(worker, 1) == [] and await world.timetable.advance() == 0
    due = await world.timetable.next_time()
    assert due is not None and due == task.ready_at
    world.wait(32)
    assert await world.timetable.advance() == 1
    assert [each.id for each in await world.claim(worker, 1)] == [task.id]


async def test_a_recurring_task_makes_one_task_each_time_whoever_looks(world: World) -> None:
    agent, worker = await world.agent()
    every = {"type": "cron", "expression": "*/10 * * * *", "timezone": "Europe/Berlin"}
    recurring = await world.task(agent_id=agent.id, schedule=every, input={"n": 1}, priority=Priority.HIGH)
    assert await world.claim(worker, 1) == []
    for _ in range(3):
        world.wait(600)
        await asyncio.gather(*(DueTasks(world.database).advance() for _ in range(4)))
    made = await world.queries.slice(world.tenant.call(), limit=50, offset=0, parent_id=recurring.id)
    assert made.total == 3
    (first, *_) = await world.claim(worker, 10)
    assert (first.input, first.priority, first.recurring_id) == (values.encode({"n": 1}), Priority.HIGH, recurring.id)
    # Times that nobody was there for are not made up for one by one.
    world.wait(6 * 3600)
    await world.timetable.advance()
    await world.timetable.advance()
    assert (await world.queries.slice(world.tenant.call(), limit=50, offset=0, parent_id=recurring.id)).total == 4
    await world.tasks.cancel(world.tenant.call(), recurring.id)
    world.wait(3600)
    assert await world.timetable.advance() == 0


@pytest.mark.parametrize(
    ("schedule", "field"),
    [
        ({"type": "never"}, "schedule.type"),
        ({"type": "at"}, "schedule.at"),
        ({"type": "at", "at": "tomorrow"}, "schedule.at"),
        ({"type": "at", "at": 5}, "schedule.at"),
        ({"type": "delay", "seconds": -1}, "schedule.seconds"),
        ({"type": "delay", "seconds": True}, "schedule.seconds"),
        ({"type": "delay", "seconds": 1e12}, "schedule.seconds"),
        ({"type": "cron", "expression": "* * *"}, "schedule.expression"),
        ({"type": "cron", "expression": "0 0 30 2 *"}, "schedule.expression"),
        ({"type": "cron", "expression": "61 * * * *"}, "schedule.expression"),
        ({"type": "cron", "expression": "* * * * *", "timezone": "Mars/Base"}, "schedule.timezone"),
        ({"type": "cron", "expression": "* * * * *", "timezone": "../../etc/passwd"}, "schedule.timezone"),
        ({"type": "immediate", "seconds": 5}, "schedule.seconds"),
    ],
)
async def test_a_schedule_that_cannot_be_kept_is_refused(world: World, schedule: dict, field: str) -> None:
    agent, _ = await world.agent()
    with pytest.raises(InvalidRequest) as refused:
        await world.task(agent_id=agent.id, schedule=schedule)
    assert refused.value.details["field"] == field


@pytest.mark.parametrize(
    ("days", "same"), [("MON-SUN", "*"), ("fri-sun", "5,6,0"), ("SAT-SUN/1", "6,0"), ("SUN-SUN", "0")]
)
def test_a_week_may_end_with_sunday(days: str, same: str) -> None:
    runs = [next_runs({"expression": f"0 9 * * {each}", "timezone": "UTC"}, 0, 5) for each in (days, same)]
    assert runs[0] == runs[1]


async def test_tasks_wait_for_those_they_depend_on(world: World) -> None:
    agent, worker = await world.agent()
    call = world.tenant.call()
    news = [
        NewTask(agent_id=agent.id, key="load", depends_on=["read", "check"]),
        NewTask(agent_id=agent.id, key="check", depends_on=["read"]),
        NewTask(agent_id=agent.id, key="read"),
    ]
    load, check, read = await world.tasks.create_all(call, news)
    assert (load.waiting_for, check.waiting_for, read.waiting_for) == (2, 1, 0)
    for expected in (read, check, load):
        (claimed,) = await world.claim(worker, 10)
        assert claimed.id == expected.id
        await world.end(claimed)
    assert await world.history(load) == ["created", "ready", "started", "completed"]
    # What has completed already is nothing to wait for.
    late = await world.task(agent_id=agent.id, depends_on=[load.id])
    assert late.waiting_for == 0


async def test_a_task_fails_with_what_it_depends_on(world: World) -> None:
    agent, worker = await world.agent()
    first = await world.task(agent_id=agent.id)
    second = await world.task(agent_id=agent.id, depends_on=[first.id])
    third = await world.task(agent_id=agent.id, depends_on=[f"task_{second.id}"])
    (claimed,) = await world.claim(worker, 1)
    await world.end(claimed, BOOM)
    for task in (second, third):
        ended = await world.get(task)
        assert ended.status == TaskStatus.FAILED and json.loads(ended.error)["type"] == "DependencyFailed"
        assert await world.history(task) == ["created", "failed"]
    with pytest.raises(Conflict):
        await world.task(agent_id=agent.id, depends_on=[first.id])


async def test_dependencies_that_cannot_be_are_refused(world: World, database) -> None:
    agent, _ = await world.agent()
    call = world.tenant.call()
    circle = [
        NewTask(agent_id=agent.id, key="a", depends_on=["c"]),
        NewTask(agent_id=agent.id, key="b", depends_on=["a"]),
        NewTask(agent_id=agent.id, key="c", depends_on=["b"]),
    ]
    with pytest.raises(InvalidRequest, match="circle"):
        await world.tasks.create_all(call, circle)
    with pytest.raises(InvalidRequest, match="circle"):
        await world.tasks.create_all(call, [NewTask(agent_id=agent.id, key="a", depends_on=["a"])])
    with pytest.raises(InvalidRequest, match="same key"):
        await world.tasks.create_all(call, [NewTask(agent_id=agent.id, key="a")] * 2)
    with pytest.raises(InvalidRequest):
        await world.task(agent_id=agent.id, depends_on=["nonsense"])
    stranger = await make_tenant(database)
    foreign = await world.agents.register(stranger.call(), name="x", profile=AgentProfile(type="t"))
    theirs = await world.tasks.create(stranger.call(), NewTask(agent_id=foreign.id))
    with pytest.raises(NotFound):
        await world.task(agent_id=agent.id, depends_on=[theirs.id])
    assert (await world.queries.slice(call, limit=1, offset=0)).total == 0


async def test_a_task_without_an_agent_goes_to_the_least_loaded_that_can_do_it(world: World) -> None:
    busy, busy_worker = await world.agent("ocr", max_concurrent_tasks=10)
    idle, _ = await world.agent("ocr", max_concurrent_tasks=10)
    await world.agent("other")
    for _ in range(4):
        await world.task(agent_id=busy.id)
    await world.claim(busy_worker, 2)
    routed = [await world.task(type="ocr") for _ in range(6)]
    assert [task.agent_id for task in routed[:4]] == [idle.id] * 4
    assert {task.agent_id for task in routed} == {busy.id, idle.id}


async def test_among_equally_loaded_agents_the_more_successful_one_is_taken(world: World) -> None:
    good, good_worker = await world.agent("ocr")
    bad, bad_worker = await world.agent("ocr")
    for agent, worker, result in ((good, good_worker, DONE), (bad, bad_worker, BOOM)):
        await world.task(agent_id=agent.id)
        (claimed,) = await world.claim(worker, 1)
        await world.end(claimed, result)
    for _ in range(5):
        task = await world.task(type="ocr")
        assert task.agent_id == good.id
        await world.tasks.cancel(world.tenant.call(), task.id)


async def test_capabilities_and_agent_type_decide_who_can_do_a_task(world: World) -> None:
    plain, _ = await world.agent("ocr")
    able, _ = await world.agent("vision", capabilities=["ocr", "tables", "gpu"])
    task = await world.task(type="ocr", capabilities=["tables", "gpu"])
    assert task.agent_id == able.id
    assert (await world.task(type="ocr", agent_type="ocr")).agent_id == plain.id
    with pytest.raises(InvalidRequest, match="no agent"):
        await world.task(type="translate")
    with pytest.raises(InvalidRequest, match="no agent"):
        await world.task(agent_type="translate")
    with pytest.raises(InvalidRequest):
        await world.task()


async def test_a_task_waits_without_an_agent_until_one_has_room(world: World) -> None:
    first, first_worker = await world.agent("ocr", max_concurrent_tasks=1)
    await world.task(type="ocr")
    (running,) = await world.claim(first_worker, 5)
    waiting = await world.task(type="ocr")
    assert waiting.agent_id is None and await world.claim(first_worker, 5) == []
    _, second_worker = await world.agent("ocr", max_concurrent_tasks=1)
    (claimed,) = await world.claim(second_worker, 5)
    assert claimed.id == waiting.id
    third = await world.task(type="ocr")
    await world.end(running)
    assert [task.id for task in await world.claim(first_worker, 5)] == [third.id]


async def test_a_task_that_only_a_busy_type_can_do_holds_up_no_other(world: World) -> None:
    _, typed_worker = await world.agent("ocr", max_concurrent_tasks=1)
    able, able_worker = await world.agent("vision", capabilities=["ocr"], max_concurrent_tasks=1)
    for _ in range(2):
        await world.task(type="ocr")
    await world.claim(typed_worker, 1)
    (running,) = await world.claim(able_worker, 1)
    by_agent_type = await world.task(agent_type="ocr")
    by_type = await world.task(type="ocr")
    assert by_agent_type.agent_id is None and by_type.agent_id is None
    await world.end(running)
    assert await world.rerouting.advance() == 1
    assert (await world.get(by_agent_type)).agent_id is None
    assert (await world.get(by_type)).agent_id == able.id


async def test_what_was_routed_to_an_agent_that_leaves_goes_to_another(world: World) -> None:
    first, first_worker = await world.agent("ocr")
    routed = await world.task(type="ocr")
    named = await world.task(agent_id=first.id)
    assert routed.agent_id == first.id
    _, second_worker = await world.agent("ocr")
    await world.workers.leave(world.tenant.call(), first_worker)
    assert (await world.agents.get(world.tenant.call(), first.id)).status == AgentStatus.INACTIVE
    assert [task.id for task in await world.claim(second_worker, 5)] == [routed.id]
    # What names its agent waits for it.
    assert (await world.get(named)).status == TaskStatus.PENDING
    back, _ = await world.workers.connect(world.tenant.call(), agent_id=first.id, capacity=1)
    assert [task.id for task in await world.claim(back, 5)] == [named.id]


async def test_a_worker_that_goes_silent_loses_its_agent_and_its_tasks(world: World) -> None:
    agent, worker = await world.agent("ocr")
    task = await world.task(agent_id=agent.id)
    await world.claim(worker, 1)
    world.wait(31)
    await world.leases.release_expired()
    assert await world.workers.find_lost() == 1
    lost = await world.agents.get(world.tenant.call(), agent.id)
    assert lost.status == AgentStatus.ERROR and "silent" in lost.status_message
    assert (await world.get(task)).status == TaskStatus.PENDING
    events = await world.feeds.page(world.tenant.caller.organization_id, 0)
    assert [event.type for event in events if event.type.startswith(("agent.", "system."))] == [
        "agent.created",
        "agent.active",
        "agent.lost",
        "system.alert",
    ]
    await world.workers.beat(world.tenant.call(), worker, [])
    assert (await world.agents.get(world.tenant.call(), agent.id)).status == AgentStatus.ACTIVE
    events = await world.feeds.page(world.tenant.caller.organization_id, 0)
    assert events[-1].type == "system.alert_resolved"


async def test_a_disabled_agents_tasks_wait_until_it_is_enabled(world: World) -> None:
    agent, worker = await world.agent("ocr")
    call = world.tenant.call()
    task = await world.task(agent_id=agent.id)
    await world.agents.update(call, agent.id, disabled=True)
    assert await world.claim(worker, 1) == [] and await world.timetable.advance() == 0
    with pytest.raises(Conflict):
        await world.task(agent_id=agent.id)
    enabled = await world.agents.update(call, agent.id, disabled=False)
    assert enabled.status == AgentStatus.ACTIVE
    assert [each.id for each in await world.claim(worker, 1)] == [task.id]


async def test_a_holder_that_ignores_a_cancellation_is_cut_off_after_the_grace(world: World) -> None:
    agent, worker = await world.agent()
    task = await world.task(agent_id=agent.id, timeout_seconds=1000)
    (claimed,) = await world.claim(worker, 1)
    await world.tasks.cancel(world.tenant.call(), task.id)
    acknowledged = await world.reports.acknowledge_cancel(worker, claimed.id, claimed.attempt)
    assert acknowledged.cancel_acknowledged_at
    for _ in range(3):
        world.wait(4)
        await world.workers.beat(world.tenant.call(), worker, [(claimed.id, claimed.attempt)])
        await world.leases.release_expired()
    assert (await world.get(task)).status == TaskStatus.CANCELLED
    (refused,) = await world.reports.finish(worker, [finish(claimed)])
    assert isinstance(refused, StaleLease) and refused.details["status"] == "cancelled"


async def test_a_result_that_is_told_twice_counts_once(world: World) -> None:
    agent, worker = await world.agent()
    task = await world.task(agent_id=agent.id)
    (claimed,) = await world.claim(worker, 1)
    for _ in range(2):
        (done,) = await world.reports.finish(worker, [finish(claimed)])
        assert not isinstance(done, StaleLease) and done.status == TaskStatus.COMPLETED
    assert await world.history(task) == ["created", "started", "completed"]
    assert (await world.agents.get(world.tenant.call(), agent.id)).tasks_completed == 1


async def test_holders_that_stop_cost_a_task_nothing(world: World) -> None:
    agent, worker = await world.agent()
    await world.task(agent_id=agent.id)
    for _ in range(5):
        (claimed,) = await world.claim(worker, 1)
        await world.leases.give_back(worker.holder)
    (claimed,) = await world.claim(worker, 1)
    assert (claimed.attempt, claimed.lost) == (6, 0)
    assert [each.outcome for each in await world.queries.attempts(claimed)] == ["released"] * 5


async def test_counts_are_those_of_what_ended_however_much_ends_at_once(world: World) -> None:
    agents = [await world.agent(f"t{n}", max_concurrent_tasks=100) for n in range(3)]
    for agent, _ in agents:
        await world.tasks.create_all(world.tenant.call(), [NewTask(agent_id=agent.id)] * 20)
    queue = LeaseService(world.database, lease_seconds=10, max_attempts=2)

    async def work(worker) -> None:
        for _ in range(5):
            claimed = await world.claim(worker, 2)
            half = len(claimed) // 2
            for index, task in enumerate(claimed):
                await queue.finish(task.id, task.attempt, DONE if index >= half else BOOM)

    await asyncio.gather(*(work(worker) for _, worker in agents for _ in range(2)))
    for agent, _ in agents:
        row = await world.agents.get(world.tenant.call(), agent.id)
        assert (row.tasks_completed, row.tasks_failed) == (10, 10)


async def test_a_batch_whose_answer_was_lost_is_answered_with_the_same_tasks(world: World) -> None:
    agent, _ = await world.agent()
    # Made in another order than they are named in.
    news = [
        NewTask(agent_id=agent.id, input=values.encode(n), key=f"k{n}", depends_on=[f"k{n + 1}"] if n < 9 else [])
        for n in range(10)
    ]
    first = await world.tasks.create_all(world.tenant.call(key="once"), news)
    again = await world.tasks.create_all(world.tenant.call(key="once"), news)
    assert [task.id for task in again] == [task.id for task in first]
    assert [task.input for task in again] == [values.encode(n) for n in range(10)]
    assert (await world.queries.page(world.tenant.call(), size=100, token="")).rows[10:] == []
    with pytest.raises(Conflict):
        await world.tasks.create_all(world.tenant.call(key="once", digest="another"), news)


def finish(task):
    from server.core.queue.fencing import Finish

    return Finish(task.id, task.attempt, DONE)


class Hands:
    """A runner that does its tasks when it is told to."""

    runtime = "python"
    concurrency = 4

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.ended: list[int] = []
        self.go_on = asyncio.Event()

    async def run(self, task):
        self.begun.append(task.attempt)
        try:
            await self.go_on.wait()
        finally:
            self.ended.append(task.attempt)
        return DONE


async def test_a_result_is_recorded_though_somebody_cancels_meanwhile(world: World, monkeypatch) -> None:
    hands, recording = Hands(), asyncio.Event()
    hands.go_on.set()
    finish = world.leases.finish

    async def slowly(*arguments):
        recording.set()
        await asyncio.sleep(0.05)
        return await finish(*arguments)

    monkeypatch.setattr(world.leases, "finish", slowly)
    dispatcher = Dispatcher(world.claims, world.leases, world.feeds, [hands], lease_seconds=10)
    dispatcher.start()
    (task,) = await world.make(1)
    await recording.wait()
    dispatcher._cancel(task)
    await eventually(lambda: not dispatcher._running)
    assert (await world.get(task)).status == TaskStatus.COMPLETED
    await dispatcher.stop(1)


class ShortHands(Hands):
    """It does what is short at once, and goes on with the rest."""

    async def run(self, task):
        return DONE if task.timeout_seconds < DAY else await super().run(task)


class Nobody(Hands):
    """Does none of a kind of work."""

    concurrency = 0

    def __init__(self, runtime: str) -> None:
        super().__init__()
        self.runtime = runtime


@pytest.mark.parametrize(("flooding", "processes"), [(1, 1), (3, 1), (3, 2)], ids=["one", "several", "two-processes"])
async def test_organizations_that_fill_all_places_keep_no_short_run_of_others_waiting(
    world: World, flooding: int, processes: int
) -> None:
    async def flood(one: World) -> None:
        agent = await one.agents.create(one.tenant.call(), name="a", code=UPPER, profile=WIDE)
        news = [NewTask(agent_id=agent.id, input=values.encode({"x": "a"}), timeout_seconds=DAY)] * (WINDOW + 20)
        await one.tasks.create_all(one.tenant.call(), news)

    floods = [world, *[await _neighbour(world) for _ in range(flooding - 1)]]
    world.feeds.start()
    hands = ShortHands()
    dispatchers = [
        Dispatcher(world.claims, world.leases, world.feeds, [hands, *map(Nobody, INTERNAL)], lease_seconds=10)
        for _ in range(processes)
    ]
    for dispatcher in dispatchers:
        dispatcher.start()
    # Who comes first has all places but the spare ones, and who comes next one of those, in each process.
    full = processes * (hands.concurrency + (flooding > 1))
    for one in floods:
        await flood(one)
    await eventually(lambda: len(hands.begun) == full)
    others = [await _neighbour(world) for _ in range(3)]
    for other in others:
        agent = await other.agents.create(
            other.tenant.call(), name="b", code=UPPER, profile=AgentProfile(type="b", max_concurrent_tasks=1)
        )
        # Some find no agent, because theirs has something to do.
        kinds = [{"agent_id": agent.id}, *[{"type": "b"}] * (2 if flooding == 1 else 0)]
        for task in [await other.task(input={"x": "a"}, **kind) for kind in kinds]:
            await eventually(lambda task=task, other=other: _completed(other, task.id))
    # Nobody else has been given a place for long, so the last one is there for whoever comes.
    assert len(hands.begun) == full and not hands.ended
    if flooding == 1:
        await flood(await _neighbour(world))
        await eventually(lambda: len(hands.begun) == full + 1)
    for dispatcher in dispatchers:
        await dispatcher.stop(0)


async def _neighbour(world: World) -> World:
    """The same server, for another organization."""
    other = copy(world)
    other.tenant = await make_tenant(world.database)
    return other


async def _completed(world: World, task: str) -> bool:
    return (await world.get(task)).status == TaskStatus.COMPLETED


async def test_organizations_without_a_place_come_to_it_in_turn(world: World) -> None:
    floods = [world, *[await _neighbour(world) for _ in range(3)]]
    for one in floods:
        await one.make(3)
    turns = Turns(world.claims, "python")
    ids = [one.tenant.caller.organization_id for one in floods]
    had = [task.organization_id for _ in range(6) for task in await turns.claim("h", {ids[0]}, 60)]
    assert had == [*sorted(ids[1:])] * 2
    # What takes too long waits, and an agent that has no room keeps nothing else of its organization's waiting.
    assert await turns.claim("h", {ids[0]}, 29) == []
    busy, free = [
        await floods[1].agents.create(
            floods[1].tenant.call(), name=name, code=UPPER, profile=AgentProfile(max_concurrent_tasks=1)
        )
        for name in "bf"
    ]
    for agent in (busy, busy, free):
        await floods[1].task(agent_id=agent.id, input={"x": "a"}, timeout_seconds=20)
    assert [(await turns.claim("h", set(), 29))[0].agent_id for _ in range(2)] == [busy.id, free.id]
    assert await turns.claim("h", set(), 29) == []
    if world.database.dialect == "sqlite":
        for statement in (queue_turns._NEXT, queue_turns._WINDOW):
            explained = Statement(select())
            explained.sqlite = "EXPLAIN QUERY PLAN " + statement.sqlite
            plan = str(await world.database.all(explained, runtime="python", after="", organization=ids[0]))
            assert "tasks_claimable_by_organization" in plan and "TEMP" not in plan, plan


async def test_an_attempt_whose_lease_ran_out_ends_when_the_next_one_begins_here(world: World) -> None:
    hands = Hands()
    dispatcher = Dispatcher(world.claims, world.leases, world.feeds, [hands], lease_seconds=1000)
    dispatcher.start()
    await world.make(1)
    await eventually(lambda: hands.begun == [1])
    world.wait(11)
    await world.leases.release_expired()
    await eventually(lambda: hands.begun == [1, 2] and hands.ended == [1])
    hands.go_on.set()
    await eventually(lambda: not dispatcher._running)
    await dispatcher.stop(1)


async def test_a_recurring_task_that_cannot_be_planned_keeps_no_other_waiting(world: World, monkeypatch) -> None:
    agent, worker = await world.agent()
    for zone in ("Europe/Berlin", "UTC"):
        every = {"type": "cron", "expression": "* * * * *", "timezone": zone}
        await world.task(agent_id=agent.id, schedule=every, input={"zone": zone})
    planned = due_tasks.next_runs

    def without_berlin(written, *arguments):
        if written["timezone"] == "Europe/Berlin":
            raise InvalidRequest("schedule.timezone", "is not known")
        return planned(written, *arguments)

    monkeypatch.setattr(due_tasks, "next_runs", without_berlin)
    for _ in range(2):
        world.wait(61)
        await world.timetable.advance()
    made = [values.decode(task.input)["zone"] for task in await world.claim(worker, 10)]
    assert sorted(made) == ["Europe/Berlin", "UTC", "UTC"]
