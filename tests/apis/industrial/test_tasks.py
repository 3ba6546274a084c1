"""Tasks of the Industrial API through a real channel, on both databases."""

from __future__ import annotations

import asyncio
import uuid

import grpc
import pytest
from orchestrator.agent_operations.v1 import task_service_pb2 as operations
from orchestrator.agent_operations.v1 import task_service_pb2_grpc as operations_grpc
from orchestrator.agent_orchestration.v1 import execution_service_pb2 as orchestration
from orchestrator.agent_orchestration.v1 import execution_service_pb2_grpc as orchestration_grpc
from orchestrator.v1 import agent_service_pb2, agent_service_pb2_grpc, task_service_pb2, task_service_pb2_grpc
from orchestrator.v1.task_pb2 import (
    TASK_STATUS_CANCELLED,
    TASK_STATUS_COMPLETED,
    TASK_STATUS_FAILED,
    TASK_STATUS_PENDING,
    TASK_STATUS_RUNNING,
)

from server import values
from server.worker.values import from_value, to_value
from tests.support.industrial import Industrial, able, apart, begun, given, result, task_in
from tests.support.waiting import eventually

NATIVE = {
    "PENDING": TASK_STATUS_PENDING,
    "QUEUED": TASK_STATUS_PENDING,
    "BLOCKED": TASK_STATUS_PENDING,
    "IN_PROGRESS": TASK_STATUS_RUNNING,
    "COMPLETED": TASK_STATUS_COMPLETED,
    "FAILED": TASK_STATUS_FAILED,
    "CANCELLED": TASK_STATUS_CANCELLED,
}


async def test_a_new_task_without_capabilities_waits_for_a_hand(api: Industrial) -> None:
    agent = await api.agent("X")
    session = await api.session(started=True, priority="HIGH")
    task = await api.task(session, title="Implement login endpoint", description="Create POST /auth/login")
    assert str(uuid.UUID(task.id)) == task.id and task.session_id == session.id
    assert (task.title, task.description) == ("Implement login endpoint", "Create POST /auth/login")
    assert (task.status, task.complexity, task.priority) == ("PENDING", "MEDIUM", "HIGH")
    assert (task.attempt, task.progress, task.subtask_count, task.error) == (0, 0, 0, "")
    for absent in ("parent_task_id", "assigned_agent_id", "estimated_minutes", "tokens_used", "result", "started_at"):
        assert getattr(task, absent) is None, absent
    assert await api.see(task) == task and (await api("GetAgent", agent_id=agent.id)).current_tasks == 0
    other = await api.task(session, complexity="CRITICAL", priority="LOW", estimated_minutes=0)
    assert (other.complexity, other.priority, other.estimated_minutes) == ("CRITICAL", "LOW", 0)


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("session_id", ""),
        ("title", ""),
        ("title", "  "),
        ("title", "x" * 501),
        ("complexity", "medium"),
        ("priority", "URGENT"),
        ("description", "x" * 100_001),
        ("estimated_minutes", -1),
        ("required_capabilities", [""]),
        ("required_capabilities", ["  "]),
        ("required_capabilities", ["X", " "]),
        ("required_capabilities", ["x"] * 33),
        ("dependencies", ["nonsense"]),
        ("dependencies", ["a"] * 101),
    ],
)
async def test_a_task_that_cannot_be_is_refused_by_field(api: Industrial, field: str, wrong) -> None:
    await api.agent("X")
    session = await api.session()
    error = await api.refused("CreateTask", **{"session_id": session.id, "title": "t", field: wrong})
    assert (error.grpc, error.code) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST"), error
    assert error.details["field"].startswith(field)


async def test_unknown_tasks_are_not_found_whatever_is_asked(api: Industrial) -> None:
    agent = await api.agent()
    for identifier in (str(uuid.uuid4()), "nonsense"):
        for method, more in (
            ("GetTask", {}),
            ("UpdateTaskStatus", {"status": "COMPLETED"}),
            ("UpdateTaskStatus", {"status": "PENDING"}),
            ("AssignTask", {}),
            ("CompleteTask", {}),
            ("FailTask", {}),
            ("DecomposeTask", {"template": "CRUD"}),
            ("BeginTask", {"agent_id": agent.id}),
            ("SendResult", {"agent_id": agent.id}),
        ):
            error = await api.refused(method, task_id=identifier, **more, http=True)
            assert (error.http, error.code) == (404, "TASK_NOT_FOUND"), method


async def test_dispatch_finds_an_agent_that_can_do_all_of_it(api: Industrial) -> None:
    session = await api.session(started=True)
    both, one = await api.agent("A", "B"), await api.agent("A", "C")
    task = await api.task(session, "B", "A")
    assert (task.status, task.assigned_agent_id) == ("QUEUED", both.id) and list(task.required_capabilities) == [
        "A",
        "B",
    ]
    error = await api.refused(
        "CreateTask", session_id=session.id, title="t", required_capabilities=["B", "C"], http=True
    )
    assert (error.http, error.code) == (503, "AGENT_UNAVAILABLE") and "B, C" in error.message
    assert error.details["required_capabilities"] == ["B", "C"]
    assert (
        await api.refused("CreateTask", session_id=session.id, title="t", required_capabilities=["D"])
    ).grpc == grpc.StatusCode.UNAVAILABLE
    await api("DeregisterAgent", agent_id=both.id)
    await api.refused("CreateTask", session_id=session.id, title="t", required_capabilities=["B"])
    assert (await api.task(session, " A ")).assigned_agent_id == one.id
    assert (await api.get(session)).metrics.total_tasks == 2


async def test_what_an_agent_is_called_is_nothing_that_it_can_do(api: Industrial) -> None:
    session = await api.session(started=True)
    await api.agent("X", type="BACKEND")
    error = await api.refused("CreateTask", session_id=session.id, title="t", required_capabilities=["BACKEND"])
    assert error.code == "AGENT_UNAVAILABLE"


async def test_a_task_waits_for_those_that_it_depends_on(api: Industrial, stranger: Industrial) -> None:
    agent = await able(api, "X")
    session = await api.session(started=True)
    first = await api.task(session, "X")
    done = await api.task(session, "X")
    await result(api, agent, done)
    second = await api.task(session, "X", dependencies=[first.id, first.id, done.id])
    assert second.status == "BLOCKED" and list(second.dependencies) == [first.id]
    third = await api.task(session, dependencies=[second.id])
    assert third.status == "BLOCKED"
    for method in ("BeginTask", "SendResult"):
        refused = await api.refused(method, task_id=second.id, agent_id=agent.id, http=True)
        assert (refused.http, refused.code) == (409, "STALE_LEASE"), method
    await result(api, agent, first)
    assert (await api.becomes(second, "QUEUED")).assigned_agent_id == agent.id
    await result(api, agent, second, error="no")
    assert (await api.becomes(third, "FAILED")).error.endswith("which it depends on, is failed")
    error = await api.refused("CreateTask", session_id=session.id, title="t", dependencies=[second.id], http=True)
    assert (error.http, error.code) == (409, "DEPENDENCY_FAILED")
    foreign = await stranger.task(await stranger.session())
    for unknown in (str(uuid.uuid4()), foreign.id):
        error = await api.refused("CreateTask", session_id=session.id, title="t", dependencies=[unknown], http=True)
        assert (error.http, error.code) == (404, "TASK_NOT_FOUND")


async def test_a_task_is_given_to_whom_one_says_or_to_the_best(api, channel, tenant) -> None:
    session = await api.session(started=True)
    task = await api.task(session)
    error = await api.refused("AssignTask", task_id=task.id, http=True)
    assert (error.http, error.code) == (503, "AGENT_UNAVAILABLE")
    busy, idle = await api.agent(max_concurrent_tasks=2), await api.agent(max_concurrent_tasks=2)
    await begun(api, session, busy)
    assert (await api("AssignTask", task_id=task.id)).assigned_agent_id == idle.id
    moved = await api("AssignTask", task_id=task.id, agent_id=busy.id)
    assert (moved.status, moved.assigned_agent_id) == ("QUEUED", busy.id)
    error = await api.refused("AssignTask", task_id=task.id, agent_id=str(uuid.uuid4()), http=True)
    assert (error.http, error.code) == (404, "AGENT_NOT_FOUND")
    agents = agent_service_pb2_grpc.AgentServiceStub(channel)
    update = agent_service_pb2.UpdateAgentRequest(id=idle.id, disabled=True)
    await agents.UpdateAgent(update, metadata=tenant.metadata)
    error = await api.refused("AssignTask", task_id=task.id, agent_id=idle.id, http=True)
    assert (error.http, error.code) == (503, "AGENT_UNAVAILABLE")
    await api("BeginTask", agent_id=busy.id, task_id=task.id)
    for _ in range(2):
        for agent in (busy, None):
            error = await api.refused("AssignTask", task_id=task.id, agent_id=agent and agent.id, http=True)
            assert (error.http, error.code) == (400, "INVALID_TRANSITION") and error.details["resource"] == "task"
            assert error.details["to"] == "QUEUED"
        await api("CompleteTask", task_id=task.id) if (await api.see(task)).status == "IN_PROGRESS" else None


async def test_a_task_is_begun_by_whom_it_was_given_to_when_there_is_room(api: Industrial) -> None:
    agent, other = await api.agent(max_concurrent_tasks=1), await api.agent()
    session = await api.session(started=True)
    task = await api.task(session)
    error = await api.refused("BeginTask", agent_id=agent.id, task_id=task.id, http=True)
    assert (error.http, error.code) == (409, "STALE_LEASE")
    error = await api.refused("UpdateTaskStatus", task_id=task.id, status="IN_PROGRESS", http=True)
    assert (error.http, error.code) == (400, "INVALID_TRANSITION") and error.details["from"] == "PENDING"
    await api("AssignTask", task_id=task.id, agent_id=agent.id)
    assert (await api.refused("BeginTask", agent_id=other.id, task_id=task.id)).code == "STALE_LEASE"
    started = await api("BeginTask", agent_id=agent.id, task_id=task.id)
    assert (started.status, started.attempt) == ("IN_PROGRESS", 1) and started.started_at
    assert await api("BeginTask", agent_id=agent.id, task_id=task.id) == started, "again changes nothing"
    more = await given(api, session, agent)
    for _ in range(2):
        error = await api.refused("BeginTask", agent_id=agent.id, task_id=more.id, http=True)
        assert (error.http, error.code) == (409, "AGENT_BUSY") and error.details["limit"] == 1
    error = await api.refused("SendResult", agent_id=agent.id, task_id=more.id, http=True)
    assert (error.http, error.code) == (409, "AGENT_BUSY")
    await api.act("pause", session)
    await result(api, agent, task)
    error = await api.refused("BeginTask", agent_id=agent.id, task_id=more.id, http=True)
    assert (error.http, error.code) == (409, "SESSION_NOT_RUNNING")
    await api.act("resume", session)
    begins = await asyncio.gather(*(api("BeginTask", agent_id=agent.id, task_id=more.id) for _ in range(5)))
    assert {each.attempt for each in begins} == {1}


async def test_of_many_that_begin_at_once_no_more_are_done_than_there_is_room_for(api: Industrial) -> None:
    agent = await api.agent(max_concurrent_tasks=3)
    session = await api.session(started=True)
    tasks = [await given(api, session, agent) for _ in range(10)]
    answers = await asyncio.gather(
        *(api("BeginTask", agent_id=agent.id, task_id=task.id) for task in tasks), return_exceptions=True
    )
    assert sum(not isinstance(each, Exception) for each in answers) == 3
    assert {each.code for each in answers if isinstance(each, Exception)} == {"AGENT_BUSY"}


@pytest.mark.parametrize("said", [{"a": [1, None]}, "text", 0, False, None])
async def test_a_task_completes_with_its_result(api: Industrial, said) -> None:
    agent = await api.agent()
    session = await api.session(started=True)
    task = await begun(api, session, agent)
    done = await api("CompleteTask", task_id=task.id, result=said, attempt=1, tokens_used=12)
    assert (done.status, done.progress, done.tokens_used, done.result) == ("COMPLETED", 100, 12, said)
    assert done.completed_at and await api.see(task) == done
    assert (await api("GetAgent", agent_id=agent.id)).tasks_completed == 1


async def test_a_result_that_is_too_large_is_refused_and_the_task_goes_on(api: Industrial) -> None:
    agent = await api.agent()
    session = await api.session(started=True)
    task = await begun(api, session, agent)
    large = "x" * values.MAX_BYTES
    for method, more in (("CompleteTask", {}), ("SendResult", {"agent_id": agent.id})):
        error = await api.refused(method, task_id=task.id, result=large, **more, http=True)
        assert (error.http, error.code, error.details["field"]) == (400, "INVALID_REQUEST", "result"), method
    assert (await api.see(task)).status == "IN_PROGRESS"
    done = await api("CompleteTask", task_id=task.id, result={"ä": large[:-100]})
    assert done.result == {"ä": large[:-100]}
    # In a list there is no room for it.
    (listed,) = (await api("ListTasks", session_id=session.id)).items
    assert listed.result is None and listed.status == "COMPLETED" and listed.truncated_fields == ["result"]
    assert done.truncated_fields == []
    error = await api.refused("CompleteSession", session_id=session.id, result=large, http=True)
    assert (error.http, error.code, error.details["field"]) == (400, "INVALID_REQUEST", "result")


async def test_a_task_fails_with_its_reason_and_results_of_old_attempts_do_not_count(api: Industrial) -> None:
    agent = await api.agent()
    session = await api.session(started=True)
    task = await begun(api, session, agent)
    for method in ("CompleteTask", "FailTask"):
        error = await api.refused(method, task_id=task.id, attempt=2, http=True)
        assert (error.http, error.code) == (409, "STALE_LEASE")
    back = await api("UpdateTaskStatus", task_id=task.id, status="QUEUED")
    assert (back.status, back.assigned_agent_id, back.started_at) == ("QUEUED", agent.id, None)
    error = await api.refused("CompleteTask", task_id=task.id, http=True)
    assert (error.http, error.code) == (400, "INVALID_TRANSITION")
    assert (await api("BeginTask", agent_id=agent.id, task_id=task.id)).attempt == 2
    assert (await api.refused("SendResult", agent_id=agent.id, task_id=task.id, attempt=1)).code == "STALE_LEASE"
    failed = await api("FailTask", task_id=task.id, error="broken", attempt=2, tokens_used=3)
    assert (failed.status, failed.error, failed.tokens_used) == ("FAILED", "broken", 3)
    assert (await api("GetAgent", agent_id=agent.id)).tasks_failed == 1
    assert (await api("FailTask", task_id=(await begun(api, session, agent)).id)).error == "no reason was given"


async def test_a_result_may_be_said_twice_and_another_one_may_not(api: Industrial) -> None:
    agent = await api.agent(max_concurrent_tasks=10)
    session = await api.session(started=True)
    for said in (
        {"result": {"x": 1}},
        {"error": "boom"},
        {"status": "failed", "error": "boom"},
        {"status": "completed"},
    ):
        task = await given(api, session, agent)
        first = await result(api, agent, task, **said)
        assert first.status == ("FAILED" if "error" in said else "COMPLETED") and first.attempt == 1
        assert await result(api, agent, task, **said) == first
        assert await result(api, agent, task, attempt=1, **said) == first
        other = {"result": 1} if "error" in said else {"error": "other"}
        assert (await api.refused("SendResult", agent_id=agent.id, task_id=task.id, **other)).code == "STALE_LEASE"
    seen = await api("GetAgent", agent_id=agent.id)
    assert (seen.tasks_completed, seen.tasks_failed) == (2, 2)
    task = await given(api, session, agent)
    at_once = await asyncio.gather(*(result(api, agent, task, result="r") for _ in range(5)))
    assert {(each.status, each.attempt) for each in at_once} == {("COMPLETED", 1)}


PATCHES = {
    "PENDING": {"CANCELLED": "CANCELLED"},
    "QUEUED": {"CANCELLED": "CANCELLED", "IN_PROGRESS": "IN_PROGRESS"},
    "BLOCKED": {"CANCELLED": "CANCELLED"},
    # Whoever does it is asked to end it.
    "IN_PROGRESS": {"COMPLETED": "COMPLETED", "FAILED": "FAILED", "QUEUED": "QUEUED", "CANCELLED": "IN_PROGRESS"},
    "COMPLETED": {},
    "FAILED": {},
    "CANCELLED": {},
}


@pytest.mark.parametrize("state", PATCHES)
async def test_every_status_from_every_state_moves_a_task_or_says_why_not(api: Industrial, state: str) -> None:
    agent = await api.agent(max_concurrent_tasks=100)
    session = await api.session(started=True)
    for to in PATCHES:
        task = await task_in(api, session, agent, state)
        if to in PATCHES[state]:
            assert (await api("UpdateTaskStatus", task_id=task.id, status=to)).status == PATCHES[state][to], (state, to)
            continue
        error = await api.refused("UpdateTaskStatus", task_id=task.id, status=to)
        assert (error.grpc, error.code) == (grpc.StatusCode.FAILED_PRECONDITION, "INVALID_TRANSITION"), (state, to)
        shown = await api.refused("UpdateTaskStatus", task_id=task.id, status=to, http=True)
        assert (shown.http, shown.code) == (400, "INVALID_TRANSITION"), (state, to)
        assert (shown.details["from"], shown.details["to"]) == (state, to)
        assert sorted(shown.details["allowed"]) == sorted(PATCHES[state]), (state, to)
        assert (await api.see(task)).status == state
    for wrong in ("queued", "RUNNING", ""):
        assert (await api.refused("UpdateTaskStatus", task_id=task.id, status=wrong)).code == "INVALID_REQUEST"


async def test_a_task_that_is_to_be_cancelled_ends_so_when_its_agent_gives_up(api: Industrial) -> None:
    agent = await api.agent()
    session = await api.session(started=True)
    task = await begun(api, session, agent)
    await api("UpdateTaskStatus", task_id=task.id, status="CANCELLED")
    assert (await result(api, agent, task, error="stopped")).status == "CANCELLED"
    assert (await api.get(session)).metrics.failed_tasks == 0


async def test_a_queued_task_without_an_agent_is_not_begun_by_hand(api: Industrial) -> None:
    agent = await api.agent("X", max_concurrent_tasks=1)
    session = await api.session(started=True)
    await begun(api, session, agent)
    task = await api.task(session, "X")
    assert (task.status, task.assigned_agent_id) == ("QUEUED", None)
    error = await api.refused("UpdateTaskStatus", task_id=task.id, status="IN_PROGRESS", http=True)
    assert (error.http, error.code) == (503, "AGENT_UNAVAILABLE")


async def test_a_task_for_which_there_was_no_room_finds_its_agent_later(api: Industrial, application) -> None:
    agent = await api.agent("X", max_concurrent_tasks=1)
    session = await api.session(started=True)
    first = await begun(api, session, agent)
    task = await api.task(session, "X")
    assert task.assigned_agent_id is None
    await result(api, agent, first)
    await application.dispatcher.sweep()
    assert (await api("ListAssignedTasks", agent_id=agent.id)).total == 1
    assert (await result(api, agent, task)).status == "COMPLETED"


async def test_a_change_that_is_based_on_an_old_version_of_a_task_is_refused(api: Industrial) -> None:
    agent = await api.agent()
    session = await api.session(started=True)
    task = await api.task(session)
    etag = api.trailing["etag"]
    match = {"headers": (("if-match", etag),), "http": True}
    await api("AssignTask", task_id=task.id, agent_id=agent.id, headers=match["headers"])
    for method, more in (
        ("AssignTask", {"agent_id": agent.id}),
        ("UpdateTaskStatus", {"status": "IN_PROGRESS"}),
        ("UpdateTaskStatus", {"status": "CANCELLED"}),
        ("DecomposeTask", {"template": "CRUD"}),
    ):
        error = await api.refused(method, task_id=task.id, **more, **match)
        assert (error.http, error.code) == (412, "VERSION_MISMATCH"), method
    assert (await api.see(task)).status == "QUEUED"


async def test_an_idempotency_key_makes_each_change_of_a_task_happen_once(api: Industrial) -> None:
    agent = await api.agent(max_concurrent_tasks=10)
    session = await api.session(started=True)

    async def twice(method: str, **fields):
        key = (("idempotency-key", f"{method}"),)
        first = await api(method, headers=key, **fields)
        assert await api(method, headers=key, **fields) == first
        return first

    task = await twice("CreateTask", session_id=session.id, title="once")
    assert (await api.get(session)).metrics.total_tasks == 1
    await twice("AssignTask", task_id=task.id, agent_id=agent.id)
    await api("BeginTask", agent_id=agent.id, task_id=task.id)
    await twice("CompleteTask", task_id=task.id, result=1)
    failing = await begun(api, session, agent)
    await twice("FailTask", task_id=failing.id)
    whole = await api.task(session)
    answer = await twice("DecomposeTask", task_id=whole.id, template="CRUD")
    assert (await api.see(whole)).subtask_count == len(answer.subtasks) == 6
    assert (await api.get(session)).metrics.total_tasks == 9


async def test_a_task_that_waited_for_a_hand_does_so_again_when_it_is_tried_again(api: Industrial, native) -> None:
    await api.agent("X")
    task = await api.task(await api.session(started=True))
    await api("UpdateTaskStatus", task_id=task.id, status="CANCELLED")
    await native("RetryTask", task)
    seen = await api.see(task)
    assert (seen.status, seen.assigned_agent_id) == ("PENDING", None)


async def test_other_apis_see_the_same_tasks(api: Industrial, channel, tenant, native) -> None:
    agent = await able(api)
    session = await api.session(started=True)
    operator = operations_grpc.TaskServiceStub(channel)
    orchestra = orchestration_grpc.ExecutionServiceStub(channel)
    words = {
        TASK_STATUS_PENDING: "pending",
        TASK_STATUS_RUNNING: "running",
        TASK_STATUS_COMPLETED: "completed",
        TASK_STATUS_FAILED: "failed",
        TASK_STATUS_CANCELLED: "cancelled",
    }
    whole, parts = await apart(api, session)
    made = [await task_in(api, session, agent, state) for state in PATCHES]
    for task in [*made, whole, parts["model"], parts["tests"]]:
        status = (await api.see(task)).status
        digits = task.id.replace("-", "")
        seen = await native("GetTask", task)
        assert (seen.status, seen.id, seen.title) == (NATIVE[status], f"task_{digits}", task.title)
        other = (await operator.GetTask(operations.GetTaskRequest(task_id=task.id), metadata=tenant.metadata)).data
        assert other.status == words[seen.status], status
        run = await orchestra.GetExecution(
            orchestration.GetExecutionRequest(execution_id=task.id), metadata=tenant.metadata
        )
        assert (run.id, run.status) == (f"execution_{digits}", words[seen.status])
        assert run.session_id == f"session_{session.id.replace('-', '')}"
    seen = await native("GetTask", parts["model"])
    assert seen.parent_id.endswith(whole.id.replace("-", ""))


async def test_tasks_of_other_apis_are_seen_here(api: Industrial, channel, tenant, workers) -> None:
    agent = await workers.agent()
    made = await workers.task(agent, {"x": 1}, type="custom")
    seen = await api("GetTask", task_id=made.id)
    assert (seen.title, seen.status, seen.complexity, seen.priority) == ("custom", "QUEUED", "MEDIUM", "MEDIUM")
    assert seen.session_id is None
    assert (await api("ListTasks")).total == 0, "it is in no session"
    assert [each.id for each in (await api("ListTasks", include_sessionless=True)).items] == [seen.id]


async def test_a_task_of_another_api_that_is_given_to_somebody_keeps_its_time(api: Industrial, channel, tenant) -> None:
    tasks = task_service_pb2_grpc.TaskServiceStub(channel)
    agent = await api.agent("custom", max_concurrent_tasks=1)
    session = await api.session(started=True)
    first = await begun(api, session, agent)
    create = task_service_pb2.CreateTaskRequest(type="custom", input=to_value({}))
    made = await tasks.CreateTask(create, metadata=tenant.metadata)
    assert not made.agent_id
    await api("AssignTask", task_id=made.id, agent_id=agent.id)
    await result(api, agent, first)
    await api("BeginTask", agent_id=agent.id, task_id=made.id)
    seen = await tasks.GetTask(task_service_pb2.GetTaskRequest(id=made.id), metadata=tenant.metadata)
    assert seen.timeout_seconds == 3600


async def test_lists_are_filtered_by_session_status_agent_and_parent(api: Industrial) -> None:
    agent = await able(api)
    session, other = await api.session(started=True), await api.session(started=True)
    made = {state: await task_in(api, session, agent, state) for state in PATCHES if state != "BLOCKED"}
    blocked = await api.task(session, dependencies=[made["PENDING"].id])
    elsewhere = await api.task(other)
    ids = lambda page: [each.id for each in page.items]
    for state, task in {**made, "BLOCKED": blocked}.items():
        page = await api("ListTasks", session_id=session.id, status=state)
        assert (ids(page), page.total) == ([task.id], 1), state
        assert {each.status for each in (await api("ListTasks", status=state)).items} == {state}
    assert (await api("ListTasks", session_id=session.id)).total == 7
    assert (await api("ListTasks")).total == 8 and ids(await api("ListTasks"))[0] == elsewhere.id
    assert (await api("ListTasks", agent_id=agent.id)).total == 5
    whole, parts = await apart(api, other)
    assert (await api("ListTasks", session_id=other.id)).total == 8
    assert ids(await api("ListTasks", session_id=other.id, parent_only=True)) == [whole.id, elsewhere.id]
    page = await api("ListTasks", parent_task_id=whole.id, page=2, page_size=4)
    assert (ids(page), page.total, page.has_more) == ([parts["create"].id, parts["model"].id], 6, False)
    assert not (await api("ListTasks", session_id=str(uuid.uuid4()))).items
    for field in ("session_id", "agent_id", "parent_task_id"):
        error = await api.refused("ListTasks", **{field: "nonsense"}, http=True)
        assert (error.http, error.code, error.details["field"]) == (400, "INVALID_REQUEST", field)
    for wrong in ({"page": 0}, {"page_size": 1001}, {"status": "RUNNING"}):
        assert (await api.refused("ListTasks", **wrong)).code == "INVALID_REQUEST"


async def test_a_list_and_a_task_agree_on_its_status_also_while_the_session_waits(api: Industrial) -> None:
    agent = await able(api, "X")
    session = await api.session()
    routed = await api.task(session, "X")
    handed = await given(api, session, agent)
    free = await api.task(session)
    blocked = await api.task(session, "X", dependencies=[free.id])

    async def agree(**wanted) -> None:
        for state in PATCHES:
            page = await api("ListTasks", session_id=session.id, status=state)
            assert {each.id for each in page.items} == {task.id for task in wanted.get(state, ())}, state
        for state, tasks in wanted.items():
            for task in tasks:
                assert (await api.see(task)).status == state

    await agree(PENDING=[routed, handed, free], BLOCKED=[blocked])
    await api.act("start", session)
    for task in (routed, handed):
        await api.becomes(task, "QUEUED")

    async def listed():
        return (await api("ListTasks", session_id=session.id, status="QUEUED")).total == 2

    await eventually(listed)
    await agree(QUEUED=[routed, handed], PENDING=[free], BLOCKED=[blocked])
    await api.act("pause", session)
    await agree(PENDING=[routed, handed, free], BLOCKED=[blocked])


async def test_what_an_agent_is_to_do_is_listed_oldest_first_and_nothing_that_has_ended(api: Industrial) -> None:
    agent = await api.agent(max_concurrent_tasks=2)
    session = await api.session(started=True)
    tasks = [await given(api, session, agent, title=f"{n}") for n in range(4)]
    await api("BeginTask", agent_id=agent.id, task_id=tasks[2].id)
    await result(api, agent, tasks[1])
    listed = await api("ListAssignedTasks", agent_id=agent.id)
    assert [each.title for each in listed.items] == ["0", "2", "3"] and listed.total == 3
    assert [each.status for each in listed.items] == ["QUEUED", "IN_PROGRESS", "QUEUED"]


async def test_another_organization_sees_and_changes_no_task(api: Industrial, stranger: Industrial) -> None:
    await able(api)
    session = await api.session(started=True)
    task, parts = await apart(api, session)
    theirs = await stranger.agent("X")
    for target in (task, parts["model"]):
        for method, more in (
            ("GetTask", {}),
            ("UpdateTaskStatus", {"status": "CANCELLED"}),
            ("UpdateTaskStatus", {"status": "BLOCKED"}),
            ("AssignTask", {"agent_id": theirs.id}),
            ("CompleteTask", {}),
            ("FailTask", {}),
            ("DecomposeTask", {"template": "CRUD"}),
            ("BeginTask", {"agent_id": theirs.id}),
            ("SendResult", {"agent_id": theirs.id}),
        ):
            error = await stranger.refused(method, task_id=target.id, **more, http=True)
            assert (error.http, error.code) == (404, "TASK_NOT_FOUND"), method
    assert (await stranger("ListTasks")).total == 0
    assert (await stranger("ListTasks", session_id=session.id)).total == 0
    assert (await stranger("ListTasks", parent_task_id=task.id)).total == 0
    assert (await api.see(task)).status == "IN_PROGRESS"
