"""Who is woken by what, and what workers say of their tasks, on both databases."""

from __future__ import annotations

import asyncio

import pytest

from google.protobuf.struct_pb2 import Value
from orchestrator.wire.v1.worker_pb2 import Hello, WorkRequest

from server import values
from server.apis.native import workers as native_workers
from server.app import Application
from server.core.workers.connection import WorkerConnection
from server.core.workers import claim_loop
from server.core.agents.profile import AgentProfile
from server.core.queue.fencing import Finish, StaleLease
from server.core.queue.creation import NewTask
from server.core.workers.report_buffer import ALL_LINES, LINES, ReportBuffer
from server.core.workers.consumer import Consumer, PollingConsumer
from server.core.workers.reports import CANCELLED, LogLine, NotCancelled, Note, completed, failed
from server.core.workers.hub import WorkerHub
from server.errors import Conflict, InvalidRequest, NotFound, Unavailable
from server.model import Task, TaskStatus, WorkerStatus
from tests.support.clock import Clock, pass_loop_time
from tests.support.tenants import Tenant
from tests.support.waiting import eventually


class Desk(Consumer):
    def __init__(self, worker, capacity=1) -> None:
        super().__init__(worker, capacity)
        self.given: list[Task] = []
        self.cancelled: list[str] = []
        self.lost: list[str] = []
        self.error = None

    def give(self, tasks):
        self.given += tasks

    def cancel(self, task_id):
        self.cancelled.append(task_id)

    def lose(self, task_id):
        self.lost.append(task_id)

    def stop(self, error):
        self.error = error


class Floor:
    def __init__(self, application: Application, tenant: Tenant) -> None:
        self.cases, self.call = application.use_cases, tenant.call()
        self.hub, self.workers, self.queue = self.cases.worker_hub, self.cases.workers, application.claims
        self.reports = self.cases.worker_reports
        self.claims, self.looks = 0, 0
        claim, read = self.queue.claim_of, application.database.one

        async def counted(*arguments):
            self.claims += 1
            return await claim(*arguments)

        async def counted_look(statement, **parameters):
            self.looks += statement is claim_loop._WAITING
            return await read(statement, **parameters)

        self.queue.claim_of = counted  # type: ignore[method-assign]
        application.database.one = counted_look  # type: ignore[method-assign]

    async def look(self) -> None:
        """Until it has looked for tasks once more, without having been told of any."""
        looks = self.looks
        pass_loop_time(1.25 * claim_loop.POLL_SECONDS)
        await eventually(lambda: self.looks > looks)

    async def agent(self, **more):
        profile = AgentProfile(**{"type": "x", "max_concurrent_tasks": 1000, **more})
        return await self.cases.agents.register(self.call, name="a", profile=profile)

    async def desk(self, agent, capacity=1) -> Desk:
        worker, _ = await self.workers.connect(self.call, agent_id=agent.id, capacity=capacity)
        desk = Desk(worker, capacity)
        await self.hub.join(desk, connected=True)
        return desk

    async def tasks(self, agent, count=1, **more):
        new = NewTask(agent_id=agent.id if agent else "", input=values.encode({}), **more)
        return await self.cases.tasks.create_all(self.call, [new] * count)


@pytest.fixture
async def floor(application: Application, tenant: Tenant) -> Floor:
    return Floor(application, tenant)


async def test_one_task_costs_one_claim_however_many_workers_wait(floor: Floor) -> None:
    agent = await floor.agent()
    desks = [await floor.desk(agent) for _ in range(50)]
    for _ in range(3):
        await floor.look()
    assert floor.claims == 0, "waiting costs reads only"
    await floor.tasks(agent)
    await eventually(lambda: sum(len(desk.given) for desk in desks) == 1)
    await floor.look()
    assert floor.claims == 1
    await floor.tasks(agent, 20)
    await eventually(lambda: sum(len(desk.given) for desk in desks) == 21)
    # One each, and not all to whoever came first.
    assert max(len(desk.given) for desk in desks) == 1


async def test_what_another_process_commits_wakes_without_writing(floor: Floor, application: Application) -> None:
    agent = await floor.agent()
    desk = await floor.desk(agent)
    for _ in range(50):
        application.feeds._announced("somebody", 7)
        await asyncio.sleep(0.001)
    await floor.look()
    assert floor.claims == 0
    (task,) = await floor.tasks(agent)
    await eventually(lambda: desk.given)
    application.feeds.on_change.remove(floor.hub._changed)
    await floor.cases.tasks.cancel(floor.call, task.id)
    application.feeds.on_change.append(floor.hub._changed)
    application.feeds._announced("somebody", 8)
    await eventually(lambda: desk.cancelled == [task.id], 0.5)


async def test_what_is_claimed_for_somebody_who_has_left_goes_back(floor: Floor) -> None:
    agent = await floor.agent()
    desk = await floor.desk(agent)
    (task,) = await floor.tasks(agent)
    await eventually(lambda: desk.given)
    floor.hub.leave(desk)
    (claimed,) = await floor.tasks(agent)
    (taken,) = await floor.queue.claim_of(agent.id, desk.worker.holder, 1)
    await floor.hub.hand_over(desk, [taken])
    assert (await floor.cases.task_queries.get(floor.call, claimed.id)).status == TaskStatus.PENDING
    assert (await floor.cases.task_queries.get(floor.call, task.id)).status == TaskStatus.RUNNING


async def test_what_was_claimed_for_a_connection_before_is_left_to_the_next_one(floor: Floor) -> None:
    """It got that with its welcome: told once more it would do it twice, and what it does must not go to others."""
    agent = await floor.agent()
    desk = await floor.desk(agent)
    floor.hub.leave(desk)
    await floor.tasks(agent, 2)
    done, doing = await floor.queue.claim_of(agent.id, desk.worker.holder, 2, (desk.worker.id, 1))
    worker, held = await floor.workers.connect(floor.call, agent_id=agent.id, capacity=5, worker_id=desk.worker.id)
    assert {task.id for task in held} == {done.id, doing.id}
    present = Desk(worker, 5)
    present.book.add((task.id, task.attempt) for task in held)
    await floor.hub.join(present, connected=True)
    await floor.reports.finish(worker, [Finish(done.id, done.attempt, await completed(values.encode(1)))])
    assert floor.hub.drop(present, done.id, done.attempt)
    await floor.hub.hand_over(desk, [done, doing])
    assert not present.given
    kept = await floor.cases.task_queries.get(floor.call, doing.id)
    assert (kept.status, kept.attempt) == (TaskStatus.RUNNING, doing.attempt)


async def test_a_deleted_agent_and_a_second_connection_end_the_first(floor: Floor) -> None:
    agent = await floor.agent()
    desk = await floor.desk(agent)
    second = Desk(desk.worker)
    await floor.hub.join(second, connected=True)
    assert desk.error is not None and desk.closed and not second.closed
    await floor.cases.agents.delete(floor.call, agent.id)
    assert isinstance(second.error, NotFound)
    with pytest.raises(NotFound):
        await floor.hub.join(Desk(desk.worker))


async def test_what_is_left_of_a_connection_claims_nothing_once_another_process_has_the_worker(
    floor: Floor, application: Application
) -> None:
    agent = await floor.agent()
    half_open = await floor.desk(agent, 100)
    # Another process over the same database.
    elsewhere = WorkerHub(application.database, floor.queue, floor.reports, application.feeds, lease_seconds=2)
    worker, _ = await floor.workers.connect(floor.call, agent_id=agent.id, capacity=5, worker_id=half_open.worker.id)
    assert (half_open.worker.connection, worker.connection) == (1, 2)
    assert await floor.queue.claim_of(agent.id, worker.holder, 1, (worker.id, 1)) == []
    present = Desk(worker, 5)
    await elsewhere.join(present, connected=True)
    await floor.tasks(agent, 20)
    await eventually(lambda: len(present.given) == 5 and half_open.error)
    assert isinstance(half_open.error, Unavailable) and half_open.closed and not half_open.given
    assert present.error is None and not present.closed
    # The others of that process go on.
    other = await floor.desk(agent, 15)
    await eventually(lambda: len(other.given) == 15)
    with pytest.raises(Unavailable):
        await elsewhere.join(Desk(half_open.worker), connected=True)
    assert not present.closed
    elsewhere.leave(present)


async def test_a_connection_that_has_ended_while_tasks_were_looked_for_takes_none_for_the_next(floor: Floor) -> None:
    agent = await floor.agent()
    before = await floor.desk(agent)
    present = Desk(before.worker)
    await floor.hub.join(present, connected=True)
    await floor.tasks(agent, 3)
    await eventually(lambda: len(present.given) == 1)
    assert await floor.hub.claim(before, 1) == []
    assert len(await floor.workers.held(before.worker)) == 1


async def test_a_worker_that_polls_is_asked_only_where_it_has_room_and_holds_nobody_up(
    floor: Floor, application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claim_loop, "POLL_SECONDS", 1000.0)
    # No lease runs out: nobody here says that it lives.
    application.database.clock = Clock(application.database.clock())
    agent = await floor.agent()
    full, free = [(await floor.workers.connect(floor.call, agent_id=agent.id, capacity=1))[0] for _ in range(2)]
    (first,) = await floor.tasks(agent)
    assert [task.id for task in await floor.hub.claim_at_once(full, 5)] == [first.id]
    polls = [PollingConsumer(worker, 5) for worker in (full, full, free)]
    for poll in polls:
        await floor.hub.join(poll)
    await floor.tasks(agent, 2)
    await eventually(lambda: polls[2].book.held)
    assert not polls[0].book.held and not polls[1].book.held
    # One of them has room again: one of the two polls gets one task, and no more.
    await floor.reports.finish(full, [Finish(first.id, 1, await completed(values.NULL))])
    await eventually(lambda: polls[0].book.held or polls[1].book.held)
    await floor.tasks(agent, 5)
    desk = await floor.desk(agent, 5)
    await eventually(lambda: len(desk.given) == 5)
    assert sorted(len(poll.book.held) for poll in polls) == [0, 1, 1]
    for poll in polls:
        floor.hub.leave(poll)


async def test_a_disabled_agent_takes_no_worker_and_gives_no_task(floor: Floor) -> None:
    agent = await floor.agent()
    desk = await floor.desk(agent)
    await floor.cases.agents.update(floor.call, agent.id, disabled=True)
    with pytest.raises(Conflict):
        await floor.workers.connect(floor.call, agent_id=agent.id, capacity=1)
    await floor.cases.agents.update(floor.call, agent.id, disabled=False)
    await floor.tasks(agent)
    await eventually(lambda: desk.given)


async def test_results_are_taken_once_and_in_any_company(floor: Floor) -> None:
    agent = await floor.agent(retry_attempts=1)
    desk = await floor.desk(agent, 4)
    await floor.tasks(agent, 4)
    await eventually(lambda: len(desk.given) == 4)
    worker, (a, b, c, d) = desk.worker, desk.given
    said = [
        Finish(a.id, 1, await completed(values.encode({"x": [1, 2.5, None]}))),
        Finish(b.id, 1, failed("E", "m" * 10_000, "t", retryable=False)),
        Finish(c.id, 1, CANCELLED),
        Finish(d.id, 2, await completed(values.encode(1))),
        Finish("0" * 32, 1, await completed(values.encode(1))),
    ]
    one, two, three, four, five = await floor.reports.finish(worker, said)
    assert (
        isinstance(one, Task)
        and one.status == TaskStatus.COMPLETED
        and one.output == values.encode({"x": [1, 2.5, None]})
    )
    assert isinstance(two, Task) and two.status == TaskStatus.FAILED and len(two.error) < 9000
    assert isinstance(three, NotCancelled) and isinstance(four, StaleLease) and isinstance(five, StaleLease)
    assert four.details["held_by"] == f"worker_{worker.id}" and five.details["status"] == "unknown"
    again = await floor.reports.finish(worker, said[:2])
    assert [task.version for task in again] == [one.version, two.version]
    back = await floor.reports.give_back(worker, [(c.id, 1), (d.id, 9)])
    assert isinstance(back[0], Task) and isinstance(back[1], StaleLease)
    no_number = await completed(Value(number_value=float("nan")).SerializeToString())
    assert no_number.status == TaskStatus.FAILED and "OutputNotJSON" in no_number.error
    large = await completed(values.encode("x" * values.MAX_BYTES))
    assert "OutputTooLarge" in large.error and not large.retryable


async def test_notes_are_gathered_and_bounded(floor: Floor) -> None:
    agent = await floor.agent()
    desk = await floor.desk(agent, 10)
    tasks = await floor.tasks(agent, 10)
    await eventually(lambda: len(desk.given) == 10)
    book = ReportBuffer(floor.reports, desk.worker)
    for n in range(1000):
        for task in tasks:
            book.log(task.id, 1, "info", f"{n}")
            book.progress(task.id, 1, n / 10, "")
    assert book._lines == ALL_LINES and all(len(note.lines) == 50 <= LINES for note in book._notes.values())
    await book.flush()
    assert book._lines == 0 and not book._notes
    lines = await floor.cases.task_queries.logs(tasks[0], 1000)
    assert len(lines) == 51 and lines[-1].message.startswith("950 lines were left out")
    assert (await floor.cases.task_queries.get(floor.call, tasks[9].id)).progress == 99.9
    stale = [Note(tasks[0].id, 2, 5.0), Note(tasks[1].id, 1, 6.0), Note("0" * 32, 1, 1.0)]
    assert {note.task_id for note in await floor.reports.note(desk.worker, stale)} == {tasks[0].id, "0" * 32}
    with pytest.raises(InvalidRequest):
        await floor.reports.report(desk.worker, tasks[0].id, 1, lines=[LogLine("shout", "x")])


async def test_workers_are_listed_page_by_page(floor: Floor) -> None:
    agent = await floor.agent()
    made = [(await floor.desk(agent)).worker.id for _ in range(5)]
    await floor.workers.leave(floor.call, await floor.workers.get(floor.call, made[0]))
    page = await floor.workers.page(floor.call, size=3, agent_id=f"agent_{agent.id}")
    rest = await floor.workers.page(floor.call, size=3, token=page.next_token, agent_id=agent.id)
    assert [worker.id for worker in [*page.rows, *rest.rows]] == made[::-1] and not rest.next_token
    gone = await floor.workers.page(floor.call, size=3, status=WorkerStatus.GONE.value)
    assert [worker.id for worker in gone.rows] == made[:1]
    with pytest.raises(InvalidRequest):
        await floor.workers.page(floor.call, size=3, agent_id="nonsense")


async def test_a_connection_that_is_over_before_it_is_heard_takes_nothing(floor: Floor) -> None:
    agent = await floor.agent()
    servicer = native_workers.WorkerServicer(floor.workers, floor.reports, floor.hub)

    async def says():
        yield WorkRequest(hello=Hello(agent_id=f"agent_{agent.id}", capacity=5))
        await asyncio.Event().wait()

    answers = await servicer.Work(says(), floor.call)
    # Whoever asked is gone: nobody ever asks for the first answer.
    await answers.aclose()
    await floor.tasks(agent, 2)
    await asyncio.sleep(0.05)
    waiting = await floor.cases.task_queries.slice(floor.call, limit=10, offset=0, status="pending")
    assert waiting.total == 2 and not floor.hub._connected


async def test_a_worker_that_goes_silent_takes_nothing_though_nobody_reads_that_it_did(floor: Floor) -> None:
    agent = await floor.agent()
    connection = await WorkerConnection.begin(
        floor.call,
        floor.workers,
        floor.reports,
        floor.hub,
        agent_id=agent.id,
        capacity=5,
        name="",
        worker_id="",
        leases=[],
    )
    pass_loop_time(floor.hub.lease_seconds + 1)
    await eventually(lambda: connection.closed)
    assert not floor.hub._connected and connection.room == 0
    connection.close()


async def test_what_is_being_claimed_when_the_last_worker_leaves_goes_back(floor: Floor) -> None:
    agent = await floor.agent()
    claim, claiming, go_on = floor.queue.claim_of, asyncio.Event(), asyncio.Event()

    async def slowly(*arguments):
        claimed = await claim(*arguments)
        claiming.set()
        await go_on.wait()
        return claimed

    floor.queue.claim_of = slowly  # type: ignore[method-assign]
    desk = await floor.desk(agent)
    (task,) = await floor.tasks(agent)
    await claiming.wait()
    floor.hub.leave(desk)
    go_on.set()

    async def back():
        return (await floor.cases.task_queries.get(floor.call, task.id)).status == TaskStatus.PENDING

    await eventually(back)
