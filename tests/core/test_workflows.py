"""Workflows: what they may be, and that each step of a run is done in its order and its task made exactly once."""

from __future__ import annotations

import asyncio
import json
import time

import pytest
from google.protobuf.struct_pb2 import Value

from server import values
from server.contents import Contents
from server.core.shared.count_cache import CountCache
from server.core.queue.completion import Result, failure
from server.core.queue.rows import LOCK as LOCK_TASK
from server.core.queue.claims import Claims
from server.core.queue.lease_service import LeaseService
from server.core.workflows.progression import MAX_MADE_TOGETHER, MAX_OUTPUT, MAX_READ
from server.core.workflows.step_spec import checked_steps
from server.core.workflows.expressions import (
    MAX_FILLED,
    MAX_LOOKED_AT,
    FilledTooLarge,
    ReferenceMissing,
    filled,
    references,
)
from server.core.workflows.runs import WorkflowRuns
from server.core.workflows.definitions import WorkflowDefinitions
from server.errors import Conflict, InvalidRequest, NotFound, ServiceError, VersionMismatch
from server.model import Priority, TaskStatus, WorkflowStatus
from server.pace import Pace
from server.settings import Settings
from server.store.opened import open_database
from tests.support.tenants import make_tenant
from tests.support.waiting import eventually
from tests.support.world import World, wired

BOOM = failure("Boom", "it broke")


def gives(value: object) -> Result:
    return Result(status=TaskStatus.COMPLETED, output=values.encode(value))


class Office:
    """A world with workflows and one agent of each of a few types."""

    def __init__(self, world: World) -> None:
        self.world, self.database = world, world.database
        totals = CountCache(world.database)
        self.workflows = WorkflowDefinitions(world.database, totals)
        self.runs = WorkflowRuns(world.database, totals, world.feeds)
        self.agents: dict[str, str] = {}

    async def open(self) -> Office:
        for type in ("extract", "load", "report"):
            agent, _ = await self.world.agent(type, max_concurrent_tasks=1000)
            self.agents[type] = agent.id
        return self

    def call(self, **given):
        return self.world.tenant.call(**given)

    async def workflow(self, *steps, **more):
        return await self.workflows.create(self.call(), name="w", steps=[dict(step) for step in steps], **more)

    async def start(self, *steps, parameters=None, **more):
        workflow = await self.workflow(*steps)
        return await self.workflows.execute(
            self.call(), workflow.id, parameters=values.encode(parameters or {}), **more
        )

    async def run(self, run):
        return await self.runs.get(self.call(), run.id)

    async def statuses(self, run):
        return {step.step["id"]: step.status for step in await self.runs.steps_of(await self.run(run))}

    async def claim(self, claims=None):
        """Every task that can be claimed now, by step."""
        claims = claims or self.world.claims
        claimed = [task for agent in self.agents.values() for task in await claims.claim_of(agent, "h", 1000)]
        return {task.step_id: task for task in claimed}

    async def do(self, **results):
        """Claims everything, ends the steps that are named, and returns what was claimed."""
        claimed = await self.claim()
        assert results.keys() <= claimed.keys()
        for name, result in results.items():
            await self.world.end(claimed[name], result)
        return claimed

    async def tasks_of(self, run):
        page = await self.world.queries.page(self.call(), size=1000, token="", workflow_run_id=run.id)
        return sorted(task.step_id for task in page.rows)

    async def history(self, row):
        events = await self.world.feeds.page(self.world.tenant.caller.organization_id, 0)
        return [event.type for event in events if event.resource_id == row.id]


@pytest.fixture
async def office(world: World) -> Office:
    return await Office(world).open()


def step(id, type="extract", order=None, **more):
    given = {"id": id, "agent_type": type, **more}
    if "input" in given:
        given["input"] = values.encode(given["input"])
    return given if order is None else {**given, "order": order}


async def test_steps_are_done_in_their_order_and_those_of_one_order_at_once(office: Office) -> None:
    run = await office.start(
        step("a", order=1), step("b", "load", order=5), step("c", "load", order=5), step("d", "report", order=9)
    )
    assert (run.status, run.current_order) == ("running", 1)
    assert await office.statuses(run) == {"a": "pending", "b": "waiting", "c": "waiting", "d": "waiting"}
    assert (await office.do(a=gives(1))).keys() == {"a"}
    assert (await office.do(b=gives(2))).keys() == {"b", "c"}
    assert await office.statuses(run) == {"a": "completed", "b": "completed", "c": "running", "d": "waiting"}
    (c,) = [s.task for s in await office.runs.steps_of(await office.run(run)) if s.step["id"] == "c"]
    assert await office.claim() == {}
    await office.world.end(c, gives(3))
    assert (await office.do(d=gives({"rows": 4}))).keys() == {"d"}
    run = await office.run(run)
    assert run.status == "completed" and values.decode(run.output) == {"d": {"rows": 4}} and run.completed_at
    assert await office.history(run) == ["workflow_run.started", "workflow_run.completed"]
    assert await office.tasks_of(run) == ["a", "b", "c", "d"]


async def test_inputs_come_from_parameters_and_from_earlier_outputs(office: Office) -> None:
    run = await office.start(
        step("a", input={"from": "${parameters.source.name}", "all": "${parameters}", "n": 3}),
        step(
            "b", input={"rows": "${steps.a.output.rows}", "text": "n=${steps.a.output.rows.1} ${ parameters.to } $${x}"}
        ),
        step("c", input="${steps.b.output}"),
        step("d"),
        parameters={"source": {"name": "db"}, "to": "s3"},
    )
    claimed = await office.do(a=gives({"rows": [1, {"x": 2}]}))
    assert values.decode(claimed["a"].input) == {"from": "db", "all": {"source": {"name": "db"}, "to": "s3"}, "n": 3}
    claimed = await office.do(b=gives("fine"))
    assert values.decode(claimed["b"].input) == {"rows": [1, {"x": 2}], "text": 'n={"x":2} s3 ${x}'}
    claimed = await office.do(c=gives(None))
    assert values.decode(claimed["c"].input) == "fine"
    claimed = await office.do(d=gives(1))
    outputs = {"a": {"rows": [1, {"x": 2}]}, "b": "fine", "c": None}
    assert values.decode(claimed["d"].input) == {"source": {"name": "db"}, "to": "s3", "inputs": outputs}
    assert (await office.run(run)).status == "completed"


async def test_a_first_step_without_an_input_gets_the_parameters(office: Office) -> None:
    await office.start(step("a"), parameters={"x": 1})
    assert values.decode((await office.claim())["a"].input) == {"x": 1}


async def test_what_an_earlier_step_did_not_give_fails_the_run_and_leaves_nothing_open(office: Office) -> None:
    run = await office.start(step("a", order=1), step("b", order=2), step("c", order=2, input="${steps.a.output.rows}"))
    await office.do(a=gives({"other": 1}))
    run = await office.run(run)
    assert run.status == "failed" and "step c could not begin" in run.error and "steps.a.output.rows" in run.error
    assert await office.statuses(run) == {"a": "completed", "b": "cancelled", "c": "cancelled"}
    assert await office.claim() == {}


async def test_a_step_is_tried_again_before_its_run_fails(office: Office) -> None:
    policy = {"max_retries": 1, "initial_delay": 2, "jitter": 0}
    run = await office.start(step("a", retry=policy, timeout_seconds=7), step("b"))
    claimed = await office.do(a=BOOM)
    assert claimed["a"].timeout_seconds == 7
    assert (await office.run(run)).status == "running" and await office.claim() == {}
    office.world.wait(3)
    await office.world.timetable.advance()
    claimed = await office.do(a=gives(1))
    assert claimed["a"].attempt == 2
    await office.do(b=gives(2))
    assert (await office.run(run)).status == "completed"


async def test_a_failed_step_fails_its_run_and_cancels_what_is_left(office: Office) -> None:
    run = await office.start(
        step("a", order=1), step("b", "load", order=1), step("c", "load", order=1), step("d", order=2)
    )
    a = (await office.world.claims.claim_of(office.agents["extract"], "h", 1))[0]
    (b,) = await office.world.claims.claim_of(office.agents["load"], "h", 1)
    await office.world.end(a, BOOM)
    run = await office.run(run)
    assert run.status == "failed" and run.error == "step a failed: it broke" and not run.stopping
    statuses = await office.statuses(run)
    other = "c" if b.step_id == "b" else "b"
    assert (statuses["a"], statuses[other], statuses["d"]) == ("failed", "cancelled", "cancelled")
    # One that is being done is asked to end, and however it ends, the run has ended.
    assert (await office.world.get(b)).cancel_requested_at
    await office.world.end(b, gives(1))
    assert (await office.run(run)).version == run.version
    assert await office.claim() == {} and "d" not in await office.tasks_of(run)
    assert await office.history(run) == ["workflow_run.started", "workflow_run.failed"]


async def test_cancelling_a_run_cancels_its_steps(office: Office) -> None:
    run = await office.start(step("a", order=1), step("b", "load", order=1), step("c", order=2))
    (a,) = await office.world.claims.claim_of(office.agents["extract"], "h", 1)
    cancelled = await office.runs.cancel(office.call(), run.id)
    assert cancelled.status == "cancelled" and cancelled.completed_at
    assert await office.statuses(run) == {"a": "running", "b": "cancelled", "c": "cancelled"}
    assert (await office.world.get(a)).cancel_requested_at
    again = await office.runs.cancel(office.call(), run.id)
    assert again.version == cancelled.version
    office.world.wait(11)
    await office.world.leases.release_expired()
    assert (await office.statuses(run))["a"] == "cancelled"
    assert await office.history(run) == ["workflow_run.started", "workflow_run.cancelled"]


async def test_cancelling_one_step_cancels_its_run(office: Office) -> None:
    run = await office.start(step("a", order=1), step("b", "load", order=1))
    (found, _) = await office.runs.steps_of(run)
    await office.world.tasks.cancel(office.call(), found.task.id)
    run = await office.run(run)
    assert run.status == "cancelled" and run.error == "step a was cancelled"
    assert await office.statuses(run) == {"a": "cancelled", "b": "cancelled"}


async def test_steps_outlive_an_agent_that_another_one_can_stand_in_for(office: Office) -> None:
    run = await office.start(*(step(f"s{n}", order=1) for n in range(3)))
    call = office.call()
    await office.world.agents.delete(call, office.agents["extract"])
    assert set((await office.statuses(run)).values()) == {"pending"}
    agent, _ = await office.world.agent("extract")
    office.agents["extract"] = agent.id
    await office.do(s0=gives(0), s1=gives(1), s2=gives(2))
    assert (await office.run(run)).status == "completed"


async def test_leases_of_one_run_that_are_lost_for_the_last_time_in_one_sweep_end_it_once(office: Office) -> None:
    run = await office.start(*(step(f"s{n}", order=1) for n in range(5)))
    for _ in range(3):
        await office.claim()
        office.world.wait(11)
        await office.world.leases.release_expired()
    run = await office.run(run)
    assert run.status == "failed" and await office.claim() == {}
    office.world.wait(11)
    await office.world.leases.release_expired()
    steps = await office.runs.steps_of(run)
    assert sorted(each.status for each in steps) == ["cancelled"] * 4 + ["failed"]
    for each in steps:
        ends = [event for event in await office.history(each.task) if event in ("task.cancelled", "task.failed")]
        assert len(ends) == 1


async def test_a_holder_that_stops_gives_back_no_step_of_a_run_that_this_ends(office: Office) -> None:
    run = await office.start(*(step(f"s{n}", order=1) for n in range(4)))
    claimed = await office.claim()
    await office.world.tasks.cancel(office.call(), claimed["s0"].id)
    await office.world.leases.give_back("h")
    assert (await office.run(run)).status == "cancelled" and await office.claim() == {}
    statuses = await office.statuses(run)
    assert set(statuses.values()) <= {"cancelled", "running"}


async def test_retrying_a_run_repeats_only_what_did_not_complete(office: Office) -> None:
    run = await office.start(
        step("a", order=1), step("b", order=2), step("c", "load", order=2), step("d", "report", order=3)
    )
    await office.do(a=gives({"n": 1}))
    claimed = await office.claim()
    await office.world.end(claimed["c"], gives(3))
    await office.world.end(claimed["b"], BOOM)
    assert (await office.run(run)).status == "failed"
    again = await office.runs.retry(office.call(), run.id)
    assert (again.status, again.error, again.completed_at) == ("running", "", None)
    assert await office.statuses(run) == {"a": "completed", "b": "pending", "c": "completed", "d": "waiting"}
    assert (await office.do(b=gives(2))).keys() == {"b"}
    claimed = await office.do(d=gives(4))
    assert values.decode(claimed["d"].input) == {"inputs": {"a": {"n": 1}, "b": 2, "c": 3}}
    assert (await office.run(run)).status == "completed"
    assert await office.tasks_of(run) == ["a", "b", "b", "c", "d"]
    names = ["started", "failed", "retrying", "completed"]
    assert await office.history(run) == [f"workflow_run.{name}" for name in names]
    with pytest.raises(Conflict) as refused:
        await office.runs.retry(office.call(), run.id)
    assert refused.value.reason == "NOT_RETRYABLE"


async def test_a_run_that_was_cancelled_while_its_last_step_completed_goes_on_with_the_next(office: Office) -> None:
    run = await office.start(step("a"), step("b"))
    claimed = await office.claim()
    await office.runs.cancel(office.call(), run.id)
    with pytest.raises(Conflict) as early:
        await office.runs.retry(office.call(), run.id)
    assert early.value.reason == "RUN_STOPPING" and early.value.details == {"steps": 1}
    await office.world.end(claimed["a"], gives(1))
    assert (await office.runs.retry(office.call(), run.id)).current_order == 2
    assert await office.tasks_of(run) == ["a", "b"]
    await office.do(b=gives(2))
    assert (await office.run(run)).status == "completed"


async def test_a_retried_run_may_fail_again_and_be_retried_again(office: Office) -> None:
    run = await office.start(step("a"))
    for _ in range(3):
        await office.do(a=BOOM)
        assert (await office.run(run)).status == "failed"
        assert (await office.runs.retry(office.call(), run.id)).status == "running"
    await office.do(a=gives(1))
    assert (await office.run(run)).status == "completed"


@pytest.mark.parametrize("width", [2, 30])
async def test_steps_that_end_at_once_in_two_processes_begin_the_next_exactly_once(
    office: Office, settings: Settings, width: int
) -> None:
    other = wired(open_database(settings))
    await other.open()
    other.clock = office.database.clock
    queues = [office.world.leases, LeaseService(other, lease_seconds=10, max_attempts=2)]
    try:
        for _ in range(3 if width > 2 else 10):
            run = await office.start(
                *(step(f"s{n}", order=1) for n in range(width)), step("x", order=2), step("y", order=2)
            )
            claimed = list((await office.claim()).values())
            assert len(claimed) == width
            await asyncio.gather(
                *(queues[n % 2].finish(task.id, task.attempt, gives(n)) for n, task in enumerate(claimed))
            )
            assert await office.tasks_of(run) == sorted([f"s{n}" for n in range(width)] + ["x", "y"])
            last = list((await office.claim()).values())
            await asyncio.gather(
                *(queues[n % 2].finish(task.id, task.attempt, gives(n)) for n, task in enumerate(last))
            )
            run = await office.run(run)
            assert run.status == "completed" and values.decode(run.output).keys() == {"x", "y"}
            assert (await office.history(run)).count("workflow_run.completed") == 1
    finally:
        await other.close()


async def test_failures_completions_cancels_and_retries_at_once_leave_nothing_open(
    office: Office, settings: Settings
) -> None:
    other = wired(open_database(settings))
    await other.open()
    other.clock = office.database.clock
    queues = [office.world.leases, LeaseService(other, lease_seconds=10, max_attempts=2)]
    policy = {"max_retries": 5, "initial_delay": 0}
    try:
        for round in range(4):
            run = await office.start(*(step(f"s{n}", order=1, retry=policy) for n in range(12)), step("x", order=2))
            claimed = list((await office.claim()).values())

            async def end(n, task):
                result = [gives(1), BOOM, failure("Boom", "for good", retryable=False)][n % 3]
                try:
                    await queues[n % 2].finish(task.id, task.attempt, result)
                except ServiceError as error:
                    assert error.reason == "STALE_LEASE", error

            await asyncio.gather(
                *(end(n, task) for n, task in enumerate(claimed)),
                *([office.runs.cancel(office.call(), run.id)] if round % 2 else []),
                Claims(other, lease_seconds=10).claim_of(office.agents["extract"], "thief", 5),
                office.runs.cancel_orphans(),
            )
            ended = await office.run(run)
            # Where nobody cancels it, it fails.
            assert ended.status == "failed" or (round % 2 and ended.status == "cancelled")
            # What somebody held at that moment is swept up.
            assert await office.runs.cancel_orphans() in (0, 1) and await office.runs.cancel_orphans() == 0
            office.world.wait(11)
            await office.world.leases.release_expired()
            statuses = await office.statuses(run)
            assert {"pending", "running"}.isdisjoint(statuses.values()), statuses
            assert "x" not in await office.tasks_of(run)
            ends = [event for event in await office.history(run) if event != "workflow_run.started"]
            assert len(ends) == 1
    finally:
        await other.close()


async def test_a_sibling_that_is_held_while_its_run_ends_is_cancelled_by_the_sweep(
    office: Office, settings: Settings
) -> None:
    if office.database.dialect == "sqlite":
        pytest.skip("SQLite has one writer, so nobody holds anything")
    other = wired(open_database(settings))
    await other.open()
    other.clock = office.database.clock
    run = await office.start(step("a"), step("b", "load", order=1))
    (a,) = await office.world.claims.claim_of(office.agents["extract"], "h", 1)
    (_, b) = await office.runs.steps_of(run)
    holding, let_go = asyncio.Event(), asyncio.Event()

    async def hold(transaction):
        await transaction.one(LOCK_TASK, id=b.task.id)
        holding.set()
        await let_go.wait()

    try:
        held = asyncio.create_task(other.write(hold))
        await holding.wait()
        await office.world.end(a, BOOM)
        assert (await office.run(run)).stopping
        assert await office.runs.cancel_orphans() == 1
        assert (await office.world.get(b.task)).status == "pending"
        let_go.set()
        await held
        assert await office.runs.cancel_orphans() == 1 and await office.runs.cancel_orphans() == 0
        assert not (await office.run(run)).stopping
        assert (await office.world.get(b.task)).status == "cancelled"
    finally:
        await other.close()


async def test_a_run_goes_on_whoever_died_between_its_steps(office: Office, settings: Settings) -> None:
    run = await office.start(*(step(f"s{n}") for n in range(4)))
    for n in range(4):
        # Everything is dropped but the database.
        fresh = wired(open_database(settings))
        await fresh.open()
        fresh.clock = office.database.clock
        claims = Claims(fresh, lease_seconds=10)
        queue = LeaseService(fresh, lease_seconds=10, max_attempts=9)
        (lost,) = await claims.claim_of(office.agents["extract"], "dead", 5)
        office.world.wait(11)
        await queue.release_expired()
        (task,) = await claims.claim_of(office.agents["extract"], "alive", 5)
        assert task.step_id == f"s{n}" and task.id == lost.id
        with pytest.raises(Conflict):
            await queue.finish(task.id, lost.attempt, gives("late"))
        await queue.finish(task.id, task.attempt, gives(n))
        await fresh.close()
    run = await office.run(run)
    assert run.status == "completed" and values.decode(run.output) == {"s3": 3}


async def test_a_run_gives_its_priority_to_its_steps(office: Office) -> None:
    run = await office.start(step("a"), priority=Priority.CRITICAL)
    assert (run.priority, (await office.claim())["a"].priority) == (3, 3)


async def test_a_long_output_is_left_to_its_task(office: Office) -> None:
    run = await office.start(step("a"))
    await office.do(a=gives("x" * (MAX_OUTPUT + 1)))
    run = await office.run(run)
    assert run.status == "completed" and run.output is None


@pytest.fixture(scope="module")
def long() -> Result:
    return Result(status=TaskStatus.COMPLETED, output=values.encode([1] + [{}] * 99_000))


@pytest.mark.parametrize("then", ["the end", "a name", "everything"])
async def test_long_outputs_of_many_steps_keep_nobody_waiting(office: Office, long: Result, then: str) -> None:
    later = {
        "the end": [],
        "a name": [step("x", order=2, input="${steps.s7.output.0}")],
        "everything": [step("x", order=2)],
    }
    run = await office.start(*(step(f"s{n}", order=1) for n in range(60)), *later[then])
    *claimed, last = (await office.claim()).values()
    for task in claimed:
        await office.world.end(task, long)
    waited = 0.0

    async def wait() -> None:
        nonlocal waited
        while True:
            # What the loop itself does meanwhile: other programs of this machine may keep it waiting for longer.
            before = time.thread_time()
            await asyncio.sleep(0.001)
            waited = max(waited, time.thread_time() - before)

    waiting = asyncio.create_task(wait())
    await asyncio.sleep(0.01)
    await office.world.end(last, long)
    await asyncio.sleep(0.01)
    waiting.cancel()
    assert waited < 1.0
    run = await office.run(run)
    if then == "the end":
        assert run.status == "completed" and run.output is None
    elif then == "a name":
        assert values.decode((await office.claim())["x"].input) == 1
    else:
        assert run.status == "failed" and run.error.startswith("step x could not begin: the outputs of earlier steps")


async def test_a_step_reads_a_few_mebibytes_of_what_others_gave(office: Office) -> None:
    half = {"n": 1, "x": "y" * (MAX_READ // 8)}
    names = [f"s{n}" for n in range(9)]
    run = await office.start(
        *(step(name, order=1) for name in names),
        # Together they name more than is kept, and each less than it may.
        step("a", order=2, input=[f"${{steps.{name}.output.n}}" for name in names[:5]]),
        step("b", order=2, input=[f"${{steps.{name}.output.n}}" for name in names[3:]]),
        step("c", order=3, input=[f"${{steps.{name}.output.n}}" for name in names]),
    )
    await office.do(**{name: gives(half) for name in names})
    claimed = await office.do(a=gives(1), b=gives(2))
    assert (values.decode(claimed["a"].input), values.decode(claimed["b"].input)) == ([1] * 5, [1] * 6)
    run = await office.run(run)
    assert run.status == "failed" and f"at most {MAX_READ} are read" in run.error


async def test_a_run_gives_what_its_last_steps_gave_as_they_wrote_it(office: Office) -> None:
    run = await office.start(*(step(name, order=1) for name in "abc"))
    await office.do(a=gives({"é": [1, None]}), b=Result(status=TaskStatus.COMPLETED), c=gives("x" * 100_000))
    run = await office.run(run)
    assert values.decode(run.output) == {"a": {"é": [1, None]}, "b": None, "c": "x" * 100_000}


async def test_workflows_are_kept_changed_and_deleted(office: Office) -> None:
    workflow = await office.workflow({"agent_type": "extract", "name": "One"}, {"agent_type": "load"}, description="d")
    steps = json.loads((await office.workflows.get(office.call(), f"workflow_{workflow.id}")).steps)
    assert [(each["id"], each["order"]) for each in steps] == [("step_1", 1), ("step_2", 2)]
    run = await office.workflows.execute(office.call(), workflow.id, parameters=values.encode({}))
    changed = await office.workflows.update(
        office.call(if_match=1), workflow.id, name="n", steps=[step("z")], status=WorkflowStatus.INACTIVE
    )
    assert (changed.name, changed.description, changed.version, changed.status) == ("n", "d", 2, "inactive")
    assert [each.step["id"] for each in await office.runs.steps_of(run)] == ["step_1", "step_2"]
    with pytest.raises(VersionMismatch):
        await office.workflows.update(office.call(if_match=1), workflow.id, name="m")
    with pytest.raises(Conflict) as inactive:
        await office.workflows.execute(office.call(), workflow.id, parameters=values.encode({}))
    assert inactive.value.reason == "WORKFLOW_INACTIVE"
    with pytest.raises(Conflict) as open_runs:
        await office.workflows.delete(office.call(), workflow.id)
    assert open_runs.value.reason == "WORKFLOW_RUNNING" and open_runs.value.details == {"runs": 1}
    await office.runs.cancel(office.call(), run.id)
    await office.workflows.delete(office.call(), workflow.id)
    for lost in (office.workflows.get(office.call(), workflow.id), office.workflows.delete(office.call(), workflow.id)):
        with pytest.raises(NotFound):
            await lost
    assert (await office.run(run)).status == "cancelled"
    with pytest.raises(Conflict) as deleted:
        await office.runs.retry(office.call(), run.id)
    assert deleted.value.reason == "WORKFLOW_DELETED"
    assert await office.history(workflow) == ["workflow.created", "workflow.updated", "workflow.deleted"]


async def test_requests_with_a_key_are_done_once(office: Office) -> None:
    made = [await office.workflow(step("a"), step("b")) for _ in range(1)][0]
    first, second = [await office.workflows.create(office.call(key="k"), name="w", steps=[step("a")]) for _ in range(2)]
    assert first.id == second.id
    one, two = [
        await office.workflows.execute(office.call(key="e"), made.id, parameters=values.encode({})) for _ in range(2)
    ]
    assert one.id == two.id and await office.tasks_of(one) == ["a"]
    for _ in range(2):
        cancelled = await office.runs.cancel(office.call(key="c"), one.id)
    assert cancelled.status == "cancelled"
    for _ in range(2):
        again = await office.runs.retry(office.call(key="r"), one.id)
    assert again.status == "running" and await office.tasks_of(one) == ["a", "a"]


async def test_lists_are_filtered_and_go_page_by_page(office: Office) -> None:
    active = [await office.workflow(step("a")) for _ in range(3)]
    off = await office.workflow(step("a"), status=WorkflowStatus.INACTIVE)
    page = await office.workflows.page(office.call(), size=2, token="", status="active")
    rest = await office.workflows.page(office.call(), size=2, token=page.next_token, status="active")
    assert [row.id for row in [*page.rows, *rest.rows]] == [each.id for each in active[::-1]]
    everything = await office.workflows.slice(office.call(), limit=1, offset=0, status=None)
    assert everything.total == 4 and everything.rows[0].id == off.id
    runs = [
        await office.workflows.execute(office.call(), active[0].id, parameters=values.encode({"p": 1}))
        for _ in range(3)
    ]
    await office.workflows.execute(office.call(), active[1].id, parameters=values.encode({}))
    await office.runs.cancel(office.call(), runs[0].id)
    listed = await office.runs.page(office.call(), size=9, token="", workflow_id=active[0].id)
    assert [row.id for row in listed.rows] == [run.id for run in runs[::-1]]
    listed = await office.runs.slice(office.call(), limit=9, offset=0, workflow_id=active[0].id, status="cancelled")
    assert [row.id for row in listed.rows] == [runs[0].id] and listed.total == 1
    assert (await office.runs.page(office.call(), size=9, token="")).rows[0].workflow_id == active[1].id
    with pytest.raises(InvalidRequest):
        await office.runs.page(office.call(), size=9, token="", workflow_id="nonsense")


async def test_other_organizations_see_nothing(office: Office) -> None:
    run = await office.start(step("a"))
    call = (await make_tenant(office.database)).call()
    reach = [
        office.workflows.get(call, run.workflow_id),
        office.workflows.update(call, run.workflow_id, name="x"),
        office.workflows.delete(call, run.workflow_id),
        office.workflows.execute(call, run.workflow_id, parameters=values.encode({})),
        office.runs.get(call, run.id),
        office.runs.cancel(call, run.id),
        office.runs.retry(call, run.id),
    ]
    for attempt in reach:
        with pytest.raises(NotFound):
            await attempt
    assert (await office.workflows.page(call, size=9, token="", status=None)).rows == []
    assert (await office.runs.page(call, size=9, token="")).rows == []
    # Another organization's agents do not count either.
    theirs = await office.workflows.create(call, name="w", steps=[step("a")])
    with pytest.raises(InvalidRequest):
        await office.workflows.execute(call, theirs.id, parameters=values.encode({}))


async def test_a_run_is_read_below_its_own_workflow_only(office: Office) -> None:
    run, other = await office.start(step("a")), await office.workflow(step("a"))
    assert (await office.runs.get(office.call(), run.id, run.workflow_id)).id == run.id
    for attempt in (office.runs.get, office.runs.cancel, office.runs.retry):
        with pytest.raises(NotFound):
            await attempt(office.call(), run.id, other.id)


async def test_a_run_is_watched_to_its_end(office: Office) -> None:
    office.world.feeds.start()
    run = await office.start(step("a"), step("b"))
    seen = []

    async def watch():
        async for each, steps in office.runs.watch(office.call(), run.id, heartbeat_seconds=100):
            seen.append((each.status, [step.status for step in steps]))

    watching = asyncio.create_task(watch())
    await eventually(lambda: seen)
    await office.do(a=gives(1))
    await eventually(lambda: ("running", ["completed", "pending"]) in seen)
    await office.do(b=gives(1))
    await asyncio.wait_for(watching, 5)
    assert seen[0] == ("running", ["pending", "waiting"]) and seen[-1] == ("completed", ["completed", "completed"])
    assert len(seen) == len({str(each) for each in seen})


BAD = [
    ([], "steps"),
    ([step(f"s{n}") for n in range(101)], "steps"),
    ([{"id": "a"}], "steps[0].agent_type"),
    ([step("a", " ")], "steps[0].agent_type"),
    ([step("a b")], "steps[0].id"),
    ([step("x" * 65)], "steps[0].id"),
    ([step("a"), step("a")], "steps[1].id"),
    ([step("a", name="x" * 201)], "steps[0].name"),
    ([step("a", order=-1)], "steps[0].order"),
    ([step("a", order=1.5)], "steps[0].order"),
    ([step("a", order=True)], "steps[0].order"),
    ([step("a"), step("b", inputs={})], "steps[1].inputs"),
    ([step("a", timeout_seconds=0)], "steps[0].timeout_seconds"),
    ([step("a", timeout_seconds=86_401)], "steps[0].timeout_seconds"),
    ([step("a", timeout_seconds="5")], "steps[0].timeout_seconds"),
    ([step("a", capabilities=["x"] * 33)], "steps[0].capabilities"),
    ([step("a", capabilities=[""])], "steps[0].capabilities"),
    ([step("a", retry=3)], "steps[0].retry"),
    ([step("a", retry={"max_retries": 101})], "steps[0].retry.max_retries"),
    ([step("a", retry={"max_retries": 1.5})], "steps[0].retry.max_retries"),
    ([step("a", retry={"times": 1})], "steps[0].retry.times"),
    ([step("a", retry={"initial_delay": "1"})], "steps[0].retry.initial_delay"),
    ([step("a", input="${env.HOME}")], "steps[0].input"),
    ([step("a", input=["${steps.a.output}"])], "steps[0].input"),
    ([step("a"), step("b", input={"x": "${steps.z.output}"})], "steps[1].input"),
    ([step("a"), step("b", input="${steps.a}")], "steps[1].input"),
    ([step("a"), step("b", input="${steps.a.status}")], "steps[1].input"),
    ([step("a", order=1), step("b", order=1, input="-${steps.a.output}-")], "steps[1].input"),
    ([step("a", order=1, input="${steps.b.output.x}"), step("b", order=2)], "steps[0].input"),
    ([{"agent_type": "extract", "input": Value(number_value=float("nan")).SerializeToString()}], "steps[0].input"),
    ([step("a", input="x" * values.MAX_BYTES)], "steps[0].input"),
    ([step("a", input="x" * (values.MAX_BYTES // 2)), step("b", input="x" * (values.MAX_BYTES // 2))], "steps"),
]


@pytest.mark.parametrize(("steps", "field"), BAD, ids=[f"{n}-{field}" for n, (_, field) in enumerate(BAD)])
async def test_steps_that_cannot_be_are_refused_by_name(steps, field) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await checked_steps(steps)
    assert refused.value.details["field"] == field


async def test_a_reference_that_can_never_be_filled_says_that_it_is_a_cycle() -> None:
    with pytest.raises(InvalidRequest) as refused:
        await checked_steps([step("a", order=2, input="${steps.b.output}"), step("b", order=2)])
    assert "same order" in refused.value.message and "cycle" in refused.value.message


async def test_ids_that_are_not_given_never_meet_those_that_are() -> None:
    steps = await checked_steps([{"agent_type": "x"}, {"agent_type": "x", "id": "step_1"}, {"agent_type": "x"}])
    assert [each["id"] for each in steps] == ["step_2", "step_1", "step_3"]


async def test_executing_names_what_is_missing(office: Office) -> None:
    workflow = await office.workflow(step("a", input="${parameters.source.name}"), step("b", input="${parameters.to}"))

    async def field(**parameters):
        with pytest.raises(InvalidRequest) as refused:
            await office.workflows.execute(office.call(), workflow.id, parameters=values.encode(parameters))
        return refused.value.details["field"]

    assert await field() == "parameters.source.name"
    assert await field(source="x") == "parameters.source.name"
    assert await field(source={"name": 1}) == "parameters.to"
    assert await field(source={"name": 1}, to="x" * values.MAX_BYTES) == "parameters"
    nobody = await office.workflow(step("a"), step("b", "nobody"))
    with pytest.raises(InvalidRequest) as refused:
        await office.workflows.execute(office.call(), nobody.id, parameters=values.encode({}))
    assert "no agent of type 'nobody'" in refused.value.message
    assert (await office.runs.page(office.call(), size=9, token="")).rows == []


async def fill(template, **parameters):
    context = {"parameters": Contents(values.encode(parameters))}
    return values.decode(await filled(values.encode(template), context, Pace()))


async def test_templates_keep_types_and_cannot_fill_the_memory() -> None:
    given = {"n": 1, "list": [1, {"a": None}], "text": "é"}
    assert await fill("${parameters.n}", **given) == 1
    assert await fill({"x": ["${parameters.list.1.a}", "a${parameters.text}b", True]}, **given) == {"x": [None, "aéb", True]}
    assert await fill("$${parameters.n}", **given) == "${parameters.n}" and [each async for each in references(values.encode("$${x}"), Pace())] == [None]
    assert await fill("${", **given) == "${" and await fill("$", **given) == "$"
    for missing in ("${parameters.zzz}", "${parameters.list.9}", "${parameters.n.x}", "${parameters.text.0}"):
        with pytest.raises(ReferenceMissing):
            await fill(missing, **given)
    long = {"x": "y" * (MAX_FILLED // 2)}
    with pytest.raises(FilledTooLarge):
        await fill(["${parameters.x}"] * 100_000, **long)
    with pytest.raises(FilledTooLarge):
        await fill("${parameters.x}" * 100_000, **long)
    many = {"x": [0] * (MAX_LOOKED_AT + 1)}
    assert await fill(["${parameters.x}"], **many) == [many["x"]]
    with pytest.raises(FilledTooLarge, match="stands in a text"):
        await fill("x: ${parameters.x}", **many)


async def test_a_template_has_a_bounded_number_of_values_and_a_constant_any() -> None:
    zeros = [0] * MAX_LOOKED_AT
    (constant,) = await checked_steps([step("a", input=zeros)])
    assert constant["input"] == values.encode(zeros)
    with pytest.raises(InvalidRequest) as refused:
        await checked_steps([step("a", input=[*zeros, "${parameters.x}"])])
    assert refused.value.details["field"] == "steps[0].input"


async def test_the_steps_of_one_order_are_given_a_bounded_number_of_bytes(office: Office) -> None:
    large = {"x": "y" * (values.MAX_BYTES - 100)}
    run = await office.start(*(step(f"s{n}", order=1, input="${parameters}") for n in range(17)), parameters=large)
    assert run.status == "failed" and f"more than {MAX_MADE_TOGETHER} bytes together" in run.error
    run = await office.start(*(step(f"s{n}", order=1, input="${parameters}") for n in range(15)), parameters=large)
    assert run.status == "running"


async def test_what_a_step_would_be_given_may_be_too_large(office: Office) -> None:
    run = await office.start(step("a"), step("b", input=["${steps.a.output}"] * 3))
    await office.do(a=gives("x" * (MAX_FILLED // 2)))
    run = await office.run(run)
    assert run.status == "failed" and run.error.startswith("step b could not begin")
