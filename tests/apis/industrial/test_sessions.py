"""Coding sessions of the Industrial API through a real channel, on both databases."""

from __future__ import annotations

import asyncio
import json
import uuid

import grpc
import pytest
from orchestrator.agent_orchestration.v1 import session_service_pb2 as orchestration
from orchestrator.agent_orchestration.v1 import session_service_pb2_grpc as orchestration_grpc
from orchestrator.v1 import session_pb2 as native_session
from orchestrator.v1 import session_service_pb2 as native
from orchestrator.v1 import session_service_pb2_grpc as native_grpc
from orchestrator.v1 import task_service_pb2 as native_task
from orchestrator.v1 import task_service_pb2_grpc as native_task_grpc

from server.worker.values import from_value
from server.app import Application
from tests.support.workers import Raw
from tests.support.clock import ahead
from tests.support.industrial import ACTIONS, Industrial, Refused
from tests.support.tenants import make_tenant


async def timed_out(api: Industrial, database, expire, session):
    """Lets a running session's time pass."""
    with ahead(database, session.max_duration_seconds + 1):
        await expire()
    return await api.session_becomes(session, "TIMEOUT")


# Where each action takes a session, from where there is such a move.
MOVES = {
    "PENDING": {"start": "RUNNING", "cancel": "CANCELLED", "fail": "FAILED"},
    # As many run as may, so it goes on waiting.
    "QUEUED": {"start": "QUEUED", "cancel": "CANCELLED", "fail": "FAILED"},
    "RUNNING": {"pause": "PAUSED", "cancel": "CANCELLED", "complete": "COMPLETED", "fail": "FAILED"},
    "PAUSED": {"resume": "RUNNING", "cancel": "CANCELLED"},
    "COMPLETED": {},
    "FAILED": {"retry": "PENDING"},
    "CANCELLED": {},
    "TIMEOUT": {"retry": "PENDING"},
}
LEAD_TO = {
    "start": "RUNNING",
    "pause": "PAUSED",
    "resume": "RUNNING",
    "cancel": "CANCELLED",
    "complete": "COMPLETED",
    "fail": "FAILED",
    "retry": "PENDING",
}
NATIVE_WORDS = {"PENDING": "created", "TIMEOUT": "expired"}


async def put(api: Industrial, application: Application, state: str):
    """A session in this state, reached as callers reach it."""
    session = await api.session(state, max_duration_seconds=60 if state == "TIMEOUT" else 86400)
    if state == "PENDING":
        return session
    if state == "QUEUED":
        await api.session("in the way", started=True)
    await api("CreateCheckpoint", session_id=session.id)
    reached = await api.act("start", session)
    if state in ("COMPLETED", "FAILED", "CANCELLED", "PAUSED"):
        action = {"COMPLETED": "complete", "FAILED": "fail", "CANCELLED": "cancel", "PAUSED": "pause"}[state]
        reached = await api.act(action, session)
    elif state == "TIMEOUT":
        reached = await timed_out(api, application.database, application.use_cases.sessions.expire, session)
    assert reached.status == state
    return reached


@pytest.mark.parametrize("extra", [{"running_sessions": 1}])
@pytest.mark.parametrize("state", MOVES)
async def test_every_action_from_every_state_moves_it_or_says_why_not(application, channel, state: str) -> None:
    for action, method in ACTIONS.items():
        api = Industrial(channel, (await make_tenant(application.database)).metadata)
        session = await put(api, application, state)
        if action in MOVES[state]:
            moved = await api.act(action, session)
            assert moved.status == MOVES[state][action], (state, action)
            assert (await api.get(session)) == moved or moved.status == "RUNNING"
            continue
        error = await api.refused(method, session_id=session.id)
        assert (error.grpc, error.code) == (grpc.StatusCode.FAILED_PRECONDITION, "INVALID_TRANSITION"), (state, action)
        assert error.details["from"] == NATIVE_WORDS.get(state, state.lower()) and "to" in error.details
        assert isinstance(json.loads(error.details["allowed"]), list)
        shown = await api.refused(method, session_id=session.id, http=True)
        assert (shown.http, shown.code) == (400, "INVALID_TRANSITION"), (state, action)
        assert (shown.details["resource"], shown.details["from"]) == ("session", state)
        # What it cannot become must not be called allowed in the same breath.
        assert shown.details["to"] not in shown.details["allowed"], (action, shown.message)
        assert state in shown.message and shown.details["to"] in shown.message
        if (state, action) != ("PAUSED", "start"):
            assert shown.details["to"] == LEAD_TO[action]
        ways = {MOVES[state][each] for each in MOVES[state]} - {state, shown.details["to"]}
        assert ways <= set(shown.details["allowed"]), (state, action, shown.details)
        assert (await api.get(session)).status == state


async def test_a_new_session_has_what_was_asked_for_and_the_defaults_of_the_document(api: Industrial) -> None:
    given = await api.session(
        "Session-Alpha-001",
        type="TESTING",
        priority="HIGH",
        initial_prompt="Implement user authentication",
        max_duration_seconds=86400,
    )
    assert (given.title, given.type, given.priority, given.status) == ("Session-Alpha-001", "TESTING", "HIGH", "PENDING")
    assert (given.initial_prompt, given.max_duration_seconds) == ("Implement user authentication", 86400)
    assert str(uuid.UUID(given.id)) == given.id
    assert given.started_at is None and given.completed_at is None and given.result is None
    assert given.created_at == given.updated_at and given.created_at.seconds
    plain = await api.session("p")
    assert (plain.type, plain.priority, plain.max_duration_seconds) == ("CODING", "MEDIUM", 3600)
    assert plain.parent_session_id is None and plain.retry_count == plain.checkpoint_count == 0
    assert await api.get(plain) == plain


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("title", ""),
        ("title", "   "),
        ("title", "x" * 201),
        ("type", "COOKING"),
        ("type", "coding"),
        ("priority", "URGENT"),
        ("max_duration_seconds", 59),
        ("max_duration_seconds", 0),
        ("max_duration_seconds", 86401),
        ("initial_prompt", "x" * 100_001),
        ("parent_session_id", "nonsense"),
    ],
)
async def test_a_session_that_cannot_be_is_refused_by_field(api: Industrial, field: str, wrong) -> None:
    error = await api.refused("CreateSession", **{"title": "t", field: wrong})
    assert (error.grpc, error.code) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")
    assert error.details["field"] == field


async def test_unknown_sessions_are_not_found_in_the_words_of_the_document(api: Industrial) -> None:
    unknown = str(uuid.uuid4())
    for method in ("GetSession", *ACTIONS.values(), "ListSessionTasks", "ListCheckpoints", "CreateCheckpoint"):
        for identifier in (unknown, "xyz", "a" * 300, "../etc"):
            error = await api.refused(method, session_id=identifier, http=True)
            assert (error.http, error.code) == (404, "SESSION_NOT_FOUND"), method
        error = await api.refused(method, session_id=unknown, http=True)
        assert error.message == f"Session with ID {unknown} not found"
        assert (await api.refused(method, session_id=unknown)).grpc == grpc.StatusCode.NOT_FOUND
    error = await api.refused("CreateSession", title="t", parent_session_id=unknown, http=True)
    assert (error.http, error.code) == (404, "SESSION_NOT_FOUND")


async def test_a_pending_session_cannot_complete_and_a_failed_one_says_why_it_failed(api: Industrial) -> None:
    session = await api.session()
    error = await api.refused("CompleteSession", session_id=session.id, http=True)
    assert error.code == "INVALID_TRANSITION" and error.details["to"] == "COMPLETED"
    failed = await api("FailSession", session_id=session.id, error="no disk")
    assert (failed.status, failed.error) == ("FAILED", "no disk") and failed.completed_at
    other = await api("CancelSession", session_id=(await api.session()).id, reason="changed my mind")
    assert (other.status, other.error) == ("CANCELLED", "changed my mind")


@pytest.mark.parametrize("result", [{"files": 3, "ok": True}, [1, 2], "done", 0, False, None])
async def test_a_session_completes_with_what_it_achieved(api: Industrial, result) -> None:
    session = await api.session(started=True)
    done = await api("CompleteSession", session_id=session.id, result=result)
    assert done.status == "COMPLETED" and done.completed_at
    if result is None:
        assert done.result is None
    else:
        assert (await api.get(session)).result == result


async def test_tasks_wait_while_their_session_is_pending_or_paused_and_go_on_when_it_runs(api, workers) -> None:
    agent = await api.agent("CODE_GENERATION", max_concurrent_tasks=10)
    session = await api.session()
    early = await api.task(session, "CODE_GENERATION", title="early")
    assert early.status == "PENDING"
    async with Raw(workers, agent, capacity=1) as worker:
        second = await api.task(session, "CODE_GENERATION", title="second")
        await api.act("start", session)
        (lease,) = await worker.leased()
        assert lease.task_id.endswith(early.id.replace("-", ""))
        assert (await api.see(early)).status == "IN_PROGRESS"
        await api.act("pause", session)
        late = await api.task(session, "CODE_GENERATION", title="late")
        assert [(await api.see(each)).status for each in (second, late)] == ["PENDING", "PENDING"]
        # What is being done goes on.
        await worker.complete(lease, {"ok": 1})
        await worker.wait("accepted")
        assert (await api.see(early)).status == "COMPLETED"
        # Work for the same agent in a session that runs comes, and nothing of the paused one before it.
        other = await api.session("other", started=True)
        between = await api.task(other, "CODE_GENERATION", title="between")
        lease = (await worker.leased(2))[1]
        assert lease.task_id.endswith(between.id.replace("-", ""))
        await worker.complete(lease)
        await worker.wait("accepted", 2)
        assert [(await api.see(each)).status for each in (second, late)] == ["PENDING", "PENDING"]
        await api.act("resume", session)
        lease = (await worker.leased(3))[2]
        assert lease.task_id.endswith(second.id.replace("-", ""))
        await worker.complete(lease)
        lease = (await worker.leased(4))[3]
        assert lease.task_id.endswith(late.id.replace("-", ""))
        await worker.complete(lease)
        await worker.wait("accepted", 4)
    metrics = (await api.get(session)).metrics
    assert (metrics.total_tasks, metrics.completed_tasks, metrics.failed_tasks) == (3, 3, 0)


async def test_what_a_worker_gives_back_waits_where_the_session_has_been_paused_meanwhile(api, workers) -> None:
    agent = await api.agent("X", max_concurrent_tasks=10)
    session = await api.session(started=True)
    task = await api.task(session, "X")
    async with Raw(workers, agent, capacity=1) as worker:
        await worker.leased()
        await api.act("pause", session)
        await api("UpdateTaskStatus", task_id=task.id, status="QUEUED")
        assert (await api.see(task)).status == "PENDING"
        await api.act("resume", session)
        lease = (await worker.leased(2))[1]
        assert lease.attempt == 2
        await worker.complete(lease)
        await api.becomes(task, "COMPLETED")


async def test_cancelling_a_session_cancels_its_open_tasks_and_leaves_the_ended_ones(api, workers) -> None:
    agent = await api.agent("X", max_concurrent_tasks=10)
    session = await api.session(started=True)
    done = await api.task(session, "X", title="done")
    async with Raw(workers, agent, capacity=1) as worker:
        (lease,) = await worker.leased()
        await worker.complete(lease)
        await worker.wait("accepted")
        running = await api.task(session, "X", title="running")
        lease = (await worker.leased(2))[1]
        waiting = await api.task(session, "X", title="waiting")
        blocked = await api.task(session, "X", title="blocked", dependencies=[running.id])
        by_hand = await api.task(session, title="by hand")
        over = await api.act("cancel", session, reason="enough")
        assert over.status == "CANCELLED"
        assert [(await api.see(each)).status for each in (waiting, blocked, by_hand)] == ["CANCELLED"] * 3
        await worker.wait("cancel")
        await worker.say(cancelled={"lease": {"task_id": lease.task_id, "attempt": lease.attempt}})
        await api.becomes(running, "CANCELLED")
    assert (await api.see(done)).status == "COMPLETED"
    error = await api.refused("CreateTask", session_id=session.id, title="t", http=True)
    assert (error.http, error.code) == (409, "SESSION_ENDED")


async def test_a_session_with_open_tasks_does_not_complete_and_says_which(api: Industrial) -> None:
    session = await api.session(started=True)
    only = await api.task(session, title="Only one")
    error = await api.refused("CompleteSession", session_id=session.id, http=True)
    assert (error.http, error.code) == (409, "TASKS_OPEN")
    assert error.message == "1 of the session's tasks is open: Only one"
    assert error.details == {"open": 1, "tasks": [only.id]}
    more = [await api.task(session, title=f"Task {n}") for n in range(11)]
    error = await api.refused("CompleteSession", session_id=session.id, http=True)
    assert error.details["open"] == 12 and len(error.details["tasks"]) == 10
    assert "12 of the session's tasks are open: Only one, Task 0," in error.message
    assert error.message.endswith("and others") and "Task 10" not in error.message
    assert (await api.refused("CompleteSession", session_id=session.id)).grpc == grpc.StatusCode.FAILED_PRECONDITION
    for task in (only, *more):
        await api("UpdateTaskStatus", task_id=task.id, status="CANCELLED")
    assert (await api.act("complete", session)).status == "COMPLETED"


async def test_titles_that_are_long_do_not_make_the_error_too_long_for_a_header(api: Industrial) -> None:
    session = await api.session(started=True)
    for n in range(12):
        await api.task(session, title=f"{n} " + "\N{PILE OF POO}" * 490)
    error = await api.refused("CompleteSession", session_id=session.id, http=True)
    assert (error.http, error.code) == (409, "TASKS_OPEN")
    assert len(error.details["tasks"]) == 10


async def test_a_retry_needs_a_checkpoint_and_there_are_three(api: Industrial) -> None:
    session = await api.session(started=True)
    await api("FailSession", session_id=session.id, error="boom")
    error = await api.refused("RetrySession", session_id=session.id, http=True)
    assert (error.http, error.code) == (409, "NOT_RECOVERABLE") and "no checkpoint" in error.message
    again = await api.session(started=True)
    await api("CreateCheckpoint", session_id=again.id, name="first", data={"step": 1})
    for count in range(1, 4):
        failed = await api("FailSession", session_id=again.id, error=f"boom {count}")
        assert failed.metrics.execution_time_ms > 0
        pending = await api.act("retry", again)
        assert (pending.status, pending.retry_count, pending.error) == ("PENDING", count, "")
        assert pending.started_at is None and pending.completed_at is None
        assert pending.metrics.execution_time_ms == 0 and pending.checkpoint_count == 1
        running = await api.act("start", again)
        assert running.status == "RUNNING" and running.started_at
    await api.act("fail", again)
    error = await api.refused("RetrySession", session_id=again.id, http=True)
    assert (error.http, error.code) == (409, "NOT_RECOVERABLE") and "3 times" in error.message


async def test_a_session_that_was_retried_takes_tasks_which_wait_until_it_is_started(api, workers) -> None:
    agent = await api.agent("X")
    session = await api.session(started=True)
    await api("CreateCheckpoint", session_id=session.id)
    old = await api.task(session, title="old")
    await api.act("fail", session)
    assert (await api.see(old)).status == "CANCELLED"
    await api.act("retry", session)
    async with Raw(workers, agent) as worker:
        task = await api.task(session, "X")
        assert task.status == "PENDING" and not worker.all("leases")
        await api.act("start", session)
        (lease,) = await worker.leased()
        await worker.complete(lease)
        await api.becomes(task, "COMPLETED")
    assert (await api.act("complete", session)).status == "COMPLETED"


@pytest.mark.parametrize("extra", [{"running_sessions": 1}])
async def test_sessions_beyond_the_bound_wait_for_their_turn_the_most_urgent_first(
    api: Industrial, application: Application
) -> None:
    running = await api.session("running", started=True)
    queued = {}
    for priority in ("LOW", "MEDIUM", "CRITICAL", "HIGH"):
        queued[priority] = await api.session(priority, priority=priority, started=True)
        assert queued[priority].status == "QUEUED" and queued[priority].started_at is None
    second = await api.session("second critical", priority="CRITICAL", started=True)
    order = [queued["CRITICAL"], second, queued["HIGH"], queued["MEDIUM"], queued["LOW"]]
    ways = ["complete", "pause", "cancel", "fail", "complete"]
    for following, way in zip(order, ways, strict=True):
        await api.act(way, running)
        await application.dispatcher.sweep()
        running = await api.session_becomes(following, "RUNNING")
        assert running.started_at
        others = await api("ListSessions", status="RUNNING")
        assert [each.id for each in others.items] == [following.id]


@pytest.mark.parametrize("extra", [{"running_sessions": 1}])
async def test_tasks_of_a_queued_session_wait_and_go_when_its_turn_has_come(api, workers, application) -> None:
    agent = await api.agent("X")
    first, second = await api.session(started=True), await api.session(started=True)
    task = await api.task(second, "X")
    assert (second.status, task.status) == ("QUEUED", "PENDING")
    async with Raw(workers, agent) as worker:
        assert not await application.use_cases.coding_sessions.start_queued()
        await api.act("complete", first)
        await application.dispatcher.sweep()
        (lease,) = await worker.leased()
        await worker.complete(lease)
        await api.becomes(task, "COMPLETED")


@pytest.mark.parametrize("extra", [{"running_sessions": 2}])
async def test_of_many_starts_at_once_no_more_run_than_may(api: Industrial) -> None:
    made = [await api.session(f"{n}") for n in range(8)]
    started = await asyncio.gather(*(api.act("start", each) for each in made))
    assert sorted(each.status for each in started) == ["QUEUED"] * 6 + ["RUNNING"] * 2


async def test_statistics_are_over_all_sessions_of_the_organization(api: Industrial, stranger, application) -> None:
    none = await api("GetSessionStatistics")
    assert none.total == 0 and set(none.by_status) == set(MOVES) and not any(none.by_status.values())
    assert none.avg_completion_time_ms is None and none.success_rate is None
    for state in ("PENDING", "RUNNING", "PAUSED", "COMPLETED", "FAILED", "CANCELLED", "TIMEOUT"):
        await put(api, application, state)
    await put(api, application, "COMPLETED")
    figures = await api("GetSessionStatistics")
    assert figures.total == 8 == sum(figures.by_status.values())
    assert figures.by_status["COMPLETED"] == 2 and figures.by_status["QUEUED"] == 0
    assert figures.by_status["TIMEOUT"] == figures.by_status["PENDING"] == 1
    assert figures.success_rate == 0.5 and 0 < figures.avg_completion_time_ms < 60_000
    assert (await stranger("GetSessionStatistics")).total == 0


async def test_the_metrics_of_a_session_follow_its_tasks_also_those_tried_again(api, channel, tenant) -> None:
    native_tasks = native_task_grpc.TaskServiceStub(channel)
    agent = await api.agent("X")
    session = await api.session(started=True)
    tasks = [await api.task(session, "X", title=f"{n}") for n in range(3)]

    async def figures():
        metrics = (await api.get(session)).metrics
        return metrics.total_tasks, metrics.completed_tasks, metrics.failed_tasks, metrics.tokens_used

    assert await figures() == (3, 0, 0, 0)
    await api("SendResult", agent_id=agent.id, task_id=tasks[0].id, result={}, tokens_used=100)
    await api("SendResult", agent_id=agent.id, task_id=tasks[1].id, error="boom", tokens_used=7)
    assert await figures() == (3, 1, 1, 107)
    retry = native_task.RetryTaskRequest(id=tasks[1].id)
    await native_tasks.RetryTask(retry, metadata=tenant.metadata)
    assert await figures() == (3, 1, 0, 107)
    await api.becomes(tasks[1], "QUEUED")
    await api("SendResult", agent_id=agent.id, task_id=tasks[1].id, result={}, tokens_used=10)
    assert await figures() == (3, 2, 0, 117)
    await api("UpdateTaskStatus", task_id=tasks[2].id, status="CANCELLED")
    await native_tasks.RetryTask(native_task.RetryTaskRequest(id=tasks[2].id), metadata=tenant.metadata)
    assert await figures() == (3, 2, 0, 117)


async def test_the_newest_hundred_checkpoints_are_kept(api: Industrial) -> None:
    session = await api.session()
    for number in range(1, 104):
        kept = await api("CreateCheckpoint", session_id=session.id, name=f"c{number}", data={"n": number, "deep": {"a": [1]}})
        assert kept.sequence == number and kept.session_id == session.id
    listed = await api("ListCheckpoints", session_id=session.id)
    assert listed.total == 100 and [each.sequence for each in listed.items] == list(range(103, 3, -1))
    assert listed.items[0].data == {"n": 103, "deep": {"a": [1]}} and listed.items[0].name == "c103"
    assert (await api.get(session)).checkpoint_count == 100
    await api.act("cancel", session)
    error = await api.refused("CreateCheckpoint", session_id=session.id, http=True)
    assert (error.http, error.code) == (409, "SESSION_ENDED")
    assert (await api("ListCheckpoints", session_id=session.id)).total == 100


async def test_checkpoints_at_once_have_numbers_of_their_own(api: Industrial) -> None:
    session = await api.session(started=True)
    made = await asyncio.gather(*(api("CreateCheckpoint", session_id=session.id) for _ in range(10)))
    assert sorted(each.sequence for each in made) == list(range(1, 11))
    error = await api.refused("CreateCheckpoint", session_id=session.id, data={"x": "y" * (256 << 10)})
    assert error.code == "INVALID_REQUEST" and error.details["field"] == "data"


async def test_a_session_goes_on_from_one_of_its_own_organization_only(api: Industrial, stranger: Industrial) -> None:
    first = await api.session("first")
    following = await api.session("following", parent_session_id=first.id)
    assert following.parent_session_id == first.id
    foreign = await stranger.session("foreign")
    error = await api.refused("CreateSession", title="t", parent_session_id=foreign.id, http=True)
    assert (error.http, error.code) == (404, "SESSION_NOT_FOUND") and foreign.id in error.message


async def test_an_idempotency_key_makes_each_request_happen_once(api: Industrial) -> None:
    def key(word):
        return (("idempotency-key", word),)

    made = [await api("CreateSession", title="once", headers=key("c")) for _ in range(2)]
    assert made[0] == made[1] and (await api("ListSessions")).total == 1
    reused = await api.refused("CreateSession", title="another", headers=key("c"))
    assert reused.code == "IDEMPOTENCY_KEY_REUSED"
    session = made[0]
    for action in ("start", "pause", "resume"):
        first = await api(ACTIONS[action], session_id=session.id, headers=key(action))
        assert await api(ACTIONS[action], session_id=session.id, headers=key(action)) == first
    kept = [await api("CreateCheckpoint", session_id=session.id, headers=key("k")) for _ in range(2)]
    assert kept[0] == kept[1] and (await api.get(session)).checkpoint_count == 1
    for action in ("fail", "retry", "cancel"):
        first = await api(ACTIONS[action], session_id=session.id, headers=key(action))
        assert await api(ACTIONS[action], session_id=session.id, headers=key(action)) == first
    assert (await api.get(session)).retry_count == 1
    at_once = await asyncio.gather(*(api("CreateSession", title="at once", headers=key("g")) for _ in range(5)))
    assert len({each.id for each in at_once}) == 1


async def test_a_move_that_is_based_on_an_old_version_is_refused(api: Industrial) -> None:
    session = await api.session()
    await api.get(session)
    etag = api.trailing["etag"]
    await api("StartSession", session_id=session.id, headers=(("if-match", etag),))
    assert api.trailing["etag"] != etag
    for action in ("pause", "cancel", "complete", "fail"):
        stale = await api.refused(ACTIONS[action], session_id=session.id, headers=(("if-match", etag),), http=True)
        assert (stale.http, stale.code) == (412, "VERSION_MISMATCH"), action
    assert (await api.get(session)).status == "RUNNING"


async def test_other_apis_see_coding_sessions_in_words_that_they_know(api, channel, tenant, application) -> None:
    orchestra = orchestration_grpc.SessionServiceStub(channel)
    plain = native_grpc.SessionServiceStub(channel)
    words = {
        "PENDING": ("created", native_session.SESSION_STATUS_CREATED),
        "RUNNING": ("running", native_session.SESSION_STATUS_RUNNING),
        "PAUSED": ("running", native_session.SESSION_STATUS_PAUSED),
        "COMPLETED": ("completed", native_session.SESSION_STATUS_COMPLETED),
        "FAILED": ("failed", native_session.SESSION_STATUS_FAILED),
        "CANCELLED": ("failed", native_session.SESSION_STATUS_CANCELLED),
        "TIMEOUT": ("expired", native_session.SESSION_STATUS_EXPIRED),
    }
    made = {state: await put(api, application, state) for state in words}
    for state, (word, number) in words.items():
        session = made[state]
        get = orchestration.GetSessionRequest(session_id=session.id)
        assert (await orchestra.GetSession(get, metadata=tenant.metadata)).status == word
        seen = await plain.GetSession(native.GetSessionRequest(id=session.id), metadata=tenant.metadata)
        assert (seen.status, seen.name) == (number, state)
        listed = await orchestra.ListSessions(
            orchestration.ListSessionsRequest(status=word, limit=100), metadata=tenant.metadata
        )
        assert f"session_{session.id.replace('-', '')}" in {each.id for each in listed.sessions}
        assert {each.status for each in listed.sessions} == {word}
        assert listed.total == len(listed.sessions)


@pytest.mark.parametrize("extra", [{"running_sessions": 1}])
async def test_other_apis_see_a_queued_session_as_created(api, channel, tenant, application) -> None:
    session = await put(api, application, "QUEUED")
    get = orchestration.GetSessionRequest(session_id=session.id)
    orchestra = orchestration_grpc.SessionServiceStub(channel)
    assert (await orchestra.GetSession(get, metadata=tenant.metadata)).status == "created"
    seen = await native_grpc.SessionServiceStub(channel).GetSession(
        native.GetSessionRequest(id=session.id), metadata=tenant.metadata
    )
    assert seen.status == native_session.SESSION_STATUS_QUEUED


async def test_a_plain_session_of_another_api_is_paused_and_goes_on_here(api, channel, workers, tenant) -> None:
    orchestra = orchestration_grpc.SessionServiceStub(channel)
    created = await orchestra.CreateSession(orchestration.CreateSessionRequest(name="plain"), metadata=tenant.metadata)
    session = await api("GetSession", session_id=created.id)
    assert (session.title, session.type, session.status) == ("plain", "CODING", "PENDING")
    agent = await workers.agent()
    first = await workers.task(agent, {}, session_id=created.id)
    assert (await api.get(session)).status == "RUNNING"
    paused = await api.act("pause", session)
    assert paused.status == "PAUSED" and paused.metrics.execution_time_ms > 0
    refused = None
    try:
        await workers.task(agent, {}, session_id=created.id)
    except grpc.aio.AioRpcError as error:
        refused = Refused(error)
    assert refused is not None and refused.code == "SESSION_NOT_RUNNING"
    late = await api.task(session, title="late")
    assert late.status == "PENDING"
    async with Raw(workers, agent, capacity=5) as worker:
        resumed = await api.act("resume", session)
        assert resumed.status == "RUNNING"
        (lease,) = await worker.leased()
        assert lease.task_id == first.id
        await worker.complete(lease)
        await worker.wait("accepted")
    await api("UpdateTaskStatus", task_id=late.id, status="CANCELLED")
    done = await api.act("complete", session)
    assert done.status == "COMPLETED" and done.metrics.completed_tasks == 1


async def test_the_first_task_that_is_given_here_starts_a_plain_session_too(api, channel, tenant) -> None:
    orchestra = orchestration_grpc.SessionServiceStub(channel)
    created = await orchestra.CreateSession(orchestration.CreateSessionRequest(name="plain"), metadata=tenant.metadata)
    session = await api("GetSession", session_id=created.id)
    task = await api.task(session)
    seen = await api.get(session)
    assert seen.status == "RUNNING" and seen.started_at
    await api("UpdateTaskStatus", task_id=task.id, status="CANCELLED")
    assert (await api.act("complete", session)).status == "COMPLETED"


@pytest.mark.parametrize("extra", [{"open_sessions": 2}])
async def test_coding_sessions_leave_the_bound_of_other_apis_alone(api, channel, tenant) -> None:
    orchestra = orchestration_grpc.SessionServiceStub(channel)
    for _ in range(4):
        await api.session(started=True)
        await api.session()
    for _ in range(2):
        await orchestra.CreateSession(orchestration.CreateSessionRequest(name="plain"), metadata=tenant.metadata)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await orchestra.CreateSession(orchestration.CreateSessionRequest(name="plain"), metadata=tenant.metadata)
    assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert (await api.session()).status == "PENDING"


async def test_lists_are_filtered_by_every_status_and_come_in_pages(api: Industrial, application) -> None:
    made = {state: await put(api, application, state) for state in MOVES if state != "QUEUED"}
    for state in MOVES:
        page = await api("ListSessions", status=state)
        wanted = [made[state].id] if state in made else []
        assert [each.id for each in page.items] == wanted and page.total == len(wanted), state
        assert not page.has_more
    every = await api("ListSessions")
    assert (every.total, every.page, every.page_size, every.has_more) == (7, 1, 20, False)
    ids = [each.id for each in every.items]
    assert ids == [each.id for each in reversed(made.values())]
    seen: list[str] = []
    for number, (count, more) in enumerate([(3, True), (3, True), (1, False), (0, False)], 1):
        page = await api("ListSessions", page=number, page_size=3)
        assert (page.total, page.page, page.page_size, page.has_more) == (7, number, 3, more)
        assert len(page.items) == count
        seen += [each.id for each in page.items]
    assert seen == ids
    exactly = await api("ListSessions", page=1, page_size=7)
    assert len(exactly.items) == 7 and not exactly.has_more
    far = await api("ListSessions", page=1_000_000, page_size=100)
    assert not far.items and far.total == 7 and not far.has_more


@pytest.mark.parametrize(
    "wrong",
    [{"page": 0}, {"page": -1}, {"page_size": 0}, {"page_size": 101}, {"page_size": 1000}, {"status": "running"}, {"status": ""}],
)
async def test_pages_and_words_that_are_not_are_refused(api: Industrial, wrong) -> None:
    error = await api.refused("ListSessions", **wrong, http=True)
    assert (error.http, error.code) == (400, "INVALID_REQUEST") and error.details["field"] == next(iter(wrong))
    if "status" not in wrong:
        session = await api.session()
        if "page_size" in wrong and wrong["page_size"] > 0:
            wrong = {"page_size": wrong["page_size"] * 10}
        error = await api.refused("ListSessionTasks", session_id=session.id, **wrong, http=True)
        assert (error.http, error.code) == (400, "INVALID_REQUEST")


async def test_a_sessions_tasks_are_listed_newest_first_in_pages(api: Industrial) -> None:
    session, other = await api.session(), await api.session()
    made = [await api.task(session, title=f"{n}") for n in range(5)]
    await api.task(other)
    page = await api("ListSessionTasks", session_id=session.id, page=2, page_size=2)
    assert [each.id for each in page.items] == [made[2].id, made[1].id]
    assert (page.total, page.page, page.page_size, page.has_more) == (5, 2, 2, True)
    assert {each.session_id for each in page.items} == {session.id}
    assert not (await api("ListSessionTasks", session_id=session.id, page=3, page_size=2)).has_more


async def test_another_organization_sees_and_moves_nothing(api: Industrial, stranger: Industrial) -> None:
    session = await api.session(started=True)
    await api("CreateCheckpoint", session_id=session.id)
    assert (await stranger("ListSessions")).total == 0
    for method in ("GetSession", *ACTIONS.values(), "ListSessionTasks", "ListCheckpoints", "CreateCheckpoint"):
        error = await stranger.refused(method, session_id=session.id, http=True)
        assert (error.http, error.code) == (404, "SESSION_NOT_FOUND"), method
    error = await stranger.refused("CreateTask", session_id=session.id, title="t", http=True)
    assert (error.http, error.code) == (404, "SESSION_NOT_FOUND")
    seen = await api.get(session)
    assert (seen.status, seen.checkpoint_count, seen.metrics.total_tasks) == ("RUNNING", 1, 0)


async def test_a_session_out_of_time_is_timed_out_with_its_tasks_and_can_be_retried(api, application) -> None:
    session = await api.session(started=True, max_duration_seconds=60)
    await api("CreateCheckpoint", session_id=session.id)
    task = await api.task(session)
    over = await timed_out(api, application.database, application.use_cases.sessions.expire, session)
    assert over.completed_at and over.metrics.execution_time_ms >= 60_000
    assert (await api.see(task)).status == "CANCELLED"
    again = await api.act("retry", session)
    assert again.status == "PENDING" and again.metrics.execution_time_ms == 0
    with ahead(application.database, 3600):
        await application.use_cases.sessions.expire()
    # Its time does not pass before it is started again.
    assert (await api.get(session)).status == "PENDING"


async def test_no_other_api_completes_a_session_that_has_not_been_started(api, channel, tenant) -> None:
    session = await api.session()
    orchestra = orchestration_grpc.SessionServiceStub(channel)
    complete = orchestration.CompleteSessionRequest(session_id=session.id)
    with pytest.raises(grpc.aio.AioRpcError):
        await orchestra.CompleteSession(complete, metadata=tenant.metadata)
    assert (await api.get(session)).status == "PENDING"
