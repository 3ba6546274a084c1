"""Agents of the Industrial API through a real channel, on both databases."""

from __future__ import annotations

import asyncio
import uuid

import grpc
import pytest
from orchestrator.agent_operations.v1 import agent_service_pb2 as operations
from orchestrator.agent_operations.v1 import agent_service_pb2_grpc as operations_grpc
from orchestrator.v1 import agent_service_pb2, agent_service_pb2_grpc, task_service_pb2, task_service_pb2_grpc
from orchestrator.v1.task_pb2 import TASK_STATUS_PENDING, TASK_STATUS_RUNNING

from server.worker.values import to_value
from tests.support.clock import ahead, pass_time, pass_time_in
from tests.support.industrial import Industrial
from tests.support.workers import Raw

# How long an agent may be silent in these tests.
SILENT_SECONDS = 300


async def load(api: Industrial, agent, value=None, **more):
    return await api("SendHeartbeat", agent_id=agent.id, current_load=value, **more)


async def of(api: Industrial, agent):
    return await api("GetAgent", agent_id=agent.id)


async def falls_silent(application, api: Industrial, agent):
    """So much time passes without a word of anybody that whoever was there is offline."""
    assert (await of(api, agent)).status != "OFFLINE"
    await pass_time_in(application, SILENT_SECONDS + 1)
    assert (await of(api, agent)).status == "OFFLINE"


async def test_a_new_agent_has_what_was_asked_for_and_is_there(api: Industrial) -> None:
    agent = await api.agent("DEBUGGING", "CODE_GENERATION", name="AGENT-BACKEND-001", max_concurrent_tasks=7)
    assert str(uuid.UUID(agent.id)) == agent.id
    assert (agent.name, agent.type, agent.status, agent.tier) == ("AGENT-BACKEND-001", "BACKEND", "IDLE", "STANDARD")
    assert sorted(agent.capabilities) == ["CODE_GENERATION", "DEBUGGING"] and agent.max_concurrent_tasks == 7
    assert agent.current_load == agent.tasks_completed == agent.current_tasks == 0 and agent.success_rate is None
    assert agent.registered_at.seconds and agent.last_heartbeat
    assert await of(api, agent) == agent
    assert (await api.agent(type="QA")).max_concurrent_tasks == 5


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "  "},
        {"name": "x" * 201},
        {"type": ""},
        {"type": "COOK"},
        {"capabilities": [""]},
        {"capabilities": ["x" * 101]},
        {"capabilities": [f"{n}" for n in range(33)]},
        {"max_concurrent_tasks": 0},
        {"max_concurrent_tasks": 1001},
    ],
)
async def test_an_agent_that_cannot_be_is_refused_by_field(api: Industrial, wrong) -> None:
    error = await api.refused("RegisterAgent", **{"name": "n", "type": "QA", **wrong})
    assert (error.grpc, error.code) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")
    assert error.details["field"].startswith(next(iter(wrong)))


async def test_a_name_is_given_once_and_is_free_again_after_deregistration(api: Industrial, stranger: Industrial) -> None:
    agent = await api.agent(name="one")
    error = await api.refused("RegisterAgent", name="one", type="QA", http=True)
    assert (error.http, error.code) == (409, "AGENT_EXISTS") and error.details["agent_id"] == agent.id
    error = await api.refused("RegisterExternalAgent", name="one", agent_type="llm", http=True)
    assert (error.http, error.code) == (409, "AGENT_EXISTS")
    # Others' names are theirs.
    assert (await stranger.agent(name="one")).id != agent.id
    assert (await api.agent(name="One")).id != agent.id
    gone = await api("DeregisterAgent", agent_id=agent.id)
    assert (gone.agent_id, gone.status) == (agent.id, "deregistered")
    assert (await api.agent(name="one")).id != agent.id
    at_once = await asyncio.gather(
        *(api("RegisterAgent", name="at once", type="QA") for _ in range(6)), return_exceptions=True
    )
    assert sum(not isinstance(each, Exception) for each in at_once) == 1
    assert {each.code for each in at_once if isinstance(each, Exception)} == {"AGENT_EXISTS"}


async def test_registering_under_an_idempotency_key_happens_once(api: Industrial) -> None:
    key = (("idempotency-key", "r"),)
    made = [await api("RegisterAgent", name="a", type="QA", headers=key) for _ in range(2)]
    assert made[0] == made[1] and (await api("ListAgents")).total == 1


@pytest.mark.parametrize("wrong", [-1.0, -0.001, 100.001, 101.0, float("nan"), float("inf")])
async def test_a_load_outside_its_bounds_is_refused(api: Industrial, wrong: float) -> None:
    agent = await api.agent()
    error = await api.refused("SendHeartbeat", agent_id=agent.id, current_load=wrong, http=True)
    assert (error.http, error.code, error.details["field"]) == (400, "INVALID_REQUEST", "current_load")
    assert (await of(api, agent)).status == "IDLE"


async def test_a_heartbeat_is_answered_with_the_agent_as_it_is_now(api: Industrial) -> None:
    agent = await api.agent()
    for value, status in ((0, "IDLE"), (0.5, "ACTIVE"), (79.9, "ACTIVE"), (80, "BUSY"), (94.9, "BUSY"), (95, "DEGRADED"), (100, "DEGRADED")):
        beat = await load(api, agent, value)
        assert (beat.status, round(beat.current_load, 1)) == (status, value), value
        assert beat.last_heartbeat >= agent.last_heartbeat
    # One that says nothing of its load leaves it as it was.
    assert (await load(api, agent)).current_load == 100
    assert (await load(api, agent, 0)).status == "IDLE"


async def test_an_agent_is_busy_without_room_and_degraded_when_heartbeats_do_not_come(api, application) -> None:
    agent = await api.agent("X", max_concurrent_tasks=2)
    session = await api.session(started=True)
    for _ in range(2):
        task = await api.task(session, "X")
        await api("BeginTask", agent_id=agent.id, task_id=task.id)
        seen = await of(api, agent)
        assert seen.status == ("ACTIVE" if seen.current_tasks == 1 else "BUSY")
        assert seen.current_load == 50 * seen.current_tasks
    # Whatever it says of its load: there is no room.
    assert (await load(api, agent, 5)).status == "BUSY"
    with ahead(application.database, -70):
        await load(api, agent, 5)
    assert (await of(api, agent)).status == "DEGRADED"
    assert (await load(api, agent, 5)).status == "BUSY"


async def test_a_disabled_agent_is_offline_whatever_it_says(api, channel, tenant) -> None:
    agents = agent_service_pb2_grpc.AgentServiceStub(channel)
    agent = await api.agent("X")
    update = agent_service_pb2.UpdateAgentRequest(id=agent.id, disabled=True)
    await agents.UpdateAgent(update, metadata=tenant.metadata)
    assert (await of(api, agent)).status == "OFFLINE" and (await load(api, agent, 1)).status == "OFFLINE"
    session = await api.session(started=True)
    error = await api.refused("CreateTask", session_id=session.id, title="t", required_capabilities=["X"], http=True)
    assert (error.http, error.code) == (503, "AGENT_UNAVAILABLE")
    update = agent_service_pb2.UpdateAgentRequest(id=agent.id, disabled=False)
    await agents.UpdateAgent(update, metadata=tenant.metadata)
    assert (await load(api, agent, 0)).status == "IDLE"


async def test_a_heartbeat_from_one_that_is_gone_or_never_was_is_not_found(api: Industrial) -> None:
    agent = await api.agent()
    await api("DeregisterAgent", agent_id=agent.id)
    for identifier in (agent.id, str(uuid.uuid4()), "nonsense"):
        for method in ("SendHeartbeat", "GetAgent", "DeregisterAgent", "ListAssignedTasks"):
            error = await api.refused(method, agent_id=identifier, http=True)
            assert (error.http, error.code) == (404, "AGENT_NOT_FOUND"), method
    assert (await api("ListAgents")).total == 0


async def test_an_agent_with_code_sends_no_heartbeats(api, channel, tenant) -> None:
    agents = agent_service_pb2_grpc.AgentServiceStub(channel)
    create = agent_service_pb2.CreateAgentRequest(name="code", code="def f(x):\n    return x\n")
    coded = await agents.CreateAgent(create, metadata=tenant.metadata)
    seen = await api("GetAgent", agent_id=coded.id)
    assert seen.status == "IDLE" and seen.last_heartbeat is None
    error = await api.refused("SendHeartbeat", agent_id=coded.id, http=True)
    assert (error.http, error.code) == (409, "NOT_EXTERNAL")


async def test_agents_of_other_apis_may_send_heartbeats_several_first_ones_at_once_too(api, channel, tenant, workers) -> None:
    create = operations.CreateAgentRequest(name="elsewhere", type="custom", capabilities=["X"])
    made = await operations_grpc.AgentServiceStub(channel).CreateAgent(create, metadata=tenant.metadata)
    agent = await api("GetAgent", agent_id=made.data.id)
    assert (agent.status, agent.type) == ("OFFLINE", "custom")
    assert (await load(api, agent, 10)).status == "ACTIVE"
    for _ in range(5):
        other = await api("GetAgent", agent_id=(await workers.agent()).id)
        answers = await asyncio.gather(*(load(api, other, value) for value in range(8)), return_exceptions=True)
        assert not [each for each in answers if isinstance(each, Exception)]
        assert (await of(api, other)).status != "OFFLINE"


async def test_a_hundred_heartbeats_at_once_are_all_answered(api: Industrial) -> None:
    made = [await api.agent() for _ in range(5)]
    answers = await asyncio.gather(*(load(api, made[n % 5], n) for n in range(100)))
    assert {each.status for each in answers} <= {"IDLE", "ACTIVE", "BUSY", "DEGRADED"}


async def test_a_list_is_of_those_with_a_capability_and_room(api: Industrial, application) -> None:
    both = await api.agent("A", "B")
    one = await api.agent("A", max_concurrent_tasks=1)
    await api.agent("C", type="SECURITY")
    odd = await api.agent('say "x"', "100%_sure", "größe", "back\\slash", "O'Brien")
    ids = lambda page: [each.id for each in page.items]
    assert (await api("ListAgents")).total == 4 and ids(await api("ListAgents"))[0] == odd.id
    assert ids(await api("ListAgents", capability="A")) == [one.id, both.id]
    assert ids(await api("ListAgents", capability=" A ")) == [one.id, both.id]
    # What an agent is, is nothing that it can do; and a part of a word is not the word.
    for wrong in ("SECURITY", "BACKEND", "a", "%", "_", "100", '"', '","', "A,B", "''", "x"):
        page = await api("ListAgents", capability=wrong)
        assert not page.items and page.total == 0, wrong
    for word in odd.capabilities:
        assert ids(await api("ListAgents", capability=word)) == [odd.id], word
    session = await api.session(started=True)
    task = await api.task(session)
    await api("AssignTask", task_id=task.id, agent_id=one.id)
    await api("BeginTask", agent_id=one.id, task_id=task.id)
    assert ids(await api("ListAgents", capability="A", available_only=True)) == [both.id]
    await load(api, both, 85)
    page = await api("ListAgents", capability="A", available_only=True)
    assert not page.items and page.total == 0
    await load(api, both, 10)
    await api("SendResult", agent_id=one.id, task_id=task.id)
    assert ids(await api("ListAgents", capability="A", available_only=True)) == [one.id, both.id]
    assert (await api.refused("ListAgents", capability="x" * 101)).code == "INVALID_REQUEST"


async def test_an_agent_that_is_also_called_what_it_can_do_is_listed_by_it(api: Industrial) -> None:
    agent = await api.agent("QA", type="QA")
    page = await api("ListAgents", capability="QA")
    assert [each.id for each in page.items] == [agent.id] and page.total == 1


async def test_performance_is_over_all_agents(api: Industrial, stranger: Industrial) -> None:
    nothing = await api("GetAgentPerformance")
    assert (nothing.total_agents, nothing.active_agents, nothing.total_tasks_completed) == (0, 0, 0)
    assert nothing.avg_success_rate is None and dict(nothing.by_tier) == {"ELITE": 0, "STANDARD": 0, "PROBATION": 0}
    good, bad, idle = await api.agent(), await api.agent(), await api.agent()
    session = await api.session(started=True)

    async def do(agent, count: int, **result) -> None:
        for _ in range(count):
            task = await api.task(session)
            await api("AssignTask", task_id=task.id, agent_id=agent.id)
            await api("SendResult", agent_id=agent.id, task_id=task.id, **result)

    await do(good, 9)
    await do(bad, 1)
    await do(bad, 8, error="no")
    before = await of(api, bad)
    assert (before.tier, before.tasks_completed, before.tasks_failed) == ("STANDARD", 1, 8)
    assert before.success_rate == pytest.approx(1 / 9, abs=0.0001)
    assert (await of(api, good)).tier == "STANDARD"
    await do(good, 1)
    await do(bad, 1, status="failed")
    assert [(await of(api, each)).tier for each in (good, bad, idle)] == ["ELITE", "PROBATION", "STANDARD"]
    figures = await api("GetAgentPerformance")
    assert (figures.total_agents, figures.active_agents, figures.total_tasks_completed) == (3, 3, 11)
    assert dict(figures.by_tier) == {"ELITE": 1, "STANDARD": 1, "PROBATION": 1}
    assert figures.avg_success_rate == pytest.approx((1 + 0.1) / 2)
    await api("DeregisterAgent", agent_id=good.id)
    figures = await api("GetAgentPerformance")
    assert (figures.total_agents, figures.total_tasks_completed) == (2, 1)
    assert (await stranger("GetAgentPerformance")).total_agents == 0


async def test_a_silent_agent_is_offline_and_another_one_does_its_tasks(api: Industrial, application) -> None:
    lost = await api.agent("X")
    session = await api.session(started=True)
    task = await api.task(session, "X")
    assert task.assigned_agent_id == lost.id
    begun = await api("BeginTask", agent_id=lost.id, task_id=task.id)
    assert (begun.status, begun.attempt) == ("IN_PROGRESS", 1)
    await falls_silent(application, api, lost)
    assert (await api.refused("BeginTask", agent_id=lost.id, task_id=task.id)).code == "STALE_LEASE"
    other = await api.agent("X")
    await application.dispatcher.sweep()
    again = await api.see(task)
    assert (again.assigned_agent_id, again.status) == (other.id, "QUEUED")
    assert (await api("BeginTask", agent_id=other.id, task_id=task.id)).attempt == 2
    for attempt in (None, 1, 2):
        late = await api.refused("SendResult", agent_id=lost.id, task_id=task.id, attempt=attempt, http=True)
        assert (late.http, late.code) == (409, "STALE_LEASE")
    done = await api("SendResult", agent_id=other.id, task_id=task.id, result="ok", attempt=2)
    assert done.status == "COMPLETED"
    assert (await load(api, lost, 0)).status == "IDLE"
    assert (await api("ListAgents", capability="X", available_only=True)).total >= 1


async def test_heartbeats_keep_what_an_agent_is_doing(api: Industrial, application) -> None:
    agent = await api.agent("X")
    session = await api.session(started=True)
    task = await api.task(session, "X")
    await api("BeginTask", agent_id=agent.id, task_id=task.id)
    for _ in range(3):
        await pass_time_in(application, SILENT_SECONDS - 10)
        seen = await api.see(task)
        assert (seen.status, seen.attempt) == ("IN_PROGRESS", 1)
        await load(api, agent)
    assert (await api("SendResult", agent_id=agent.id, task_id=task.id, attempt=1)).status == "COMPLETED"


async def test_what_was_given_by_hand_waits_for_its_silent_agent(api: Industrial, application) -> None:
    agent = await api.agent()
    session = await api.session(started=True)
    task = await api.task(session)
    await api("AssignTask", task_id=task.id, agent_id=agent.id)
    await api("BeginTask", agent_id=agent.id, task_id=task.id)
    await falls_silent(application, api, agent)
    seen = await api.becomes(task, "QUEUED")
    assert seen.assigned_agent_id == agent.id
    error = await api.refused("BeginTask", agent_id=agent.id, task_id=task.id, http=True)
    assert (error.http, error.code) == (503, "AGENT_UNAVAILABLE")
    await load(api, agent)
    assert (await api("BeginTask", agent_id=agent.id, task_id=task.id)).attempt == 2
    stale = await api.refused("SendResult", agent_id=agent.id, task_id=task.id, attempt=1, http=True)
    assert (stale.http, stale.code) == (409, "STALE_LEASE")


async def test_deregistering_returns_what_the_agent_did_and_takes_back_what_it_was_given(api, application) -> None:
    agent = await api.agent("X", max_concurrent_tasks=10)
    session = await api.session(started=True)
    begun, waiting, leased = [await api.task(session, "X", title=f"{n}") for n in range(3)]
    given, doing = [await api.task(session, title=f"by hand {n}") for n in range(2)]
    for task in (given, doing):
        await api("AssignTask", task_id=task.id, agent_id=agent.id)
    for task in (begun, doing):
        await api("BeginTask", agent_id=agent.id, task_id=task.id)
    later = await api.agent("X", max_concurrent_tasks=10)
    await api("DeregisterAgent", agent_id=agent.id)
    await application.dispatcher.sweep()
    for task in (begun, waiting, leased):
        seen = await api.see(task)
        assert (seen.status, seen.session_id, seen.assigned_agent_id) == ("QUEUED", session.id, later.id)
    for task in (given, doing):
        seen = await api.see(task)
        assert seen.status == "PENDING" and seen.assigned_agent_id is None
        assert (await api("AssignTask", task_id=task.id, agent_id=later.id)).status == "QUEUED"
    late = await api.refused("SendResult", agent_id=agent.id, task_id=begun.id, http=True)
    assert (late.http, late.code) == (409, "STALE_LEASE")
    assert (await api("BeginTask", agent_id=later.id, task_id=begun.id)).attempt == 2


async def test_deregistering_returns_what_a_connected_worker_of_the_agent_does(api, workers, application) -> None:
    agent = await api.agent("X", max_concurrent_tasks=10)
    session = await api.session(started=True)
    task = await api.task(session, "X")
    async with Raw(workers, agent) as worker:
        (lease,) = await worker.leased()
        await api("DeregisterAgent", agent_id=agent.id)
        seen = await api.see(task)
        assert (seen.status, seen.assigned_agent_id) == ("QUEUED", None)
        # It has no agent to work for any more, whatever it still does.
        await asyncio.wait_for(worker.over.wait(), 5)
        assert worker.error.code() == grpc.StatusCode.NOT_FOUND and lease.attempt == 1
    other = await api.agent("X")
    await application.dispatcher.sweep()
    assert (await api.see(task)).assigned_agent_id == other.id


async def test_the_token_of_an_external_agent_is_good_for_its_own_work_alone(api, channel, stranger, application) -> None:
    given = await api(
        "RegisterExternalAgent",
        protocol_version="1.0",
        name="outside",
        version="2.3",
        agent_type="llm",
        capabilities=["X"],
        endpoint_url="https://agent.example/x",
        metadata={"a": {"b": [1]}},
        max_concurrent_tasks=2,
    )
    assert (given.status, given.heartbeat_interval_seconds) == ("registered", 30) and len(given.auth_token) > 20
    agent = await api("GetAgent", agent_id=given.agent_id)
    assert (agent.name, agent.type, agent.status, agent.max_concurrent_tasks) == ("outside", "llm", "IDLE", 2)
    other = await api("RegisterExternalAgent", name="other", agent_type="llm", capabilities=["X"])
    own = Industrial(channel, (("x-agent-token", given.auth_token),))
    theirs = Industrial(channel, (("x-agent-token", other.auth_token),))
    assert (await load(own, agent, 12)).current_load == 12
    session = await api.session(started=True)
    task = await api.task(session)
    await api("AssignTask", task_id=task.id, agent_id=agent.id)
    listed = await own("ListAssignedTasks", agent_id=agent.id)
    assert [each.id for each in listed.items] == [task.id] and listed.total == 1
    for method, more in (
        ("SendHeartbeat", {}),
        ("ListAssignedTasks", {}),
        ("BeginTask", {"task_id": task.id}),
        ("SendResult", {"task_id": task.id}),
    ):
        error = await theirs.refused(method, agent_id=agent.id, **more, http=True)
        assert (error.http, error.code) == (403, "FORBIDDEN"), method
    # As itself it may not do others' tasks either.
    for method in ("BeginTask", "SendResult"):
        error = await theirs.refused(method, agent_id=other.agent_id, task_id=task.id, http=True)
        assert (error.http, error.code) == (409, "STALE_LEASE")
    for method, more in (
        ("GetAgent", {"agent_id": agent.id}),
        ("DeregisterAgent", {"agent_id": agent.id}),
        ("ListAgents", {}),
        ("ListSessions", {}),
        ("GetTask", {"task_id": task.id}),
        ("CompleteTask", {"task_id": task.id}),
        ("RegisterExternalAgent", {"name": "x", "agent_type": "y"}),
    ):
        error = await own.refused(method, **more, http=True)
        assert (error.http, error.code) == (403, "FORBIDDEN"), method
    assert (await own("BeginTask", agent_id=agent.id, task_id=task.id)).status == "IN_PROGRESS"
    done = await own("SendResult", agent_id=agent.id, task_id=task.id, result={"k": 1}, tokens_used=5)
    assert (done.status, done.tokens_used) == ("COMPLETED", 5)
    await api("DeregisterAgent", agent_id=agent.id)
    assert (await api.refused("SendHeartbeat", agent_id=agent.id, http=True)).http == 404
    # Its token may be known for a second more.
    pass_time(application.database, 1)
    assert (await own.refused("SendHeartbeat", agent_id=agent.id, http=True)).http == 401
    assert (await theirs("SendHeartbeat", agent_id=other.agent_id)).status == "IDLE"


@pytest.mark.parametrize(
    "wrong",
    [
        {"protocol_version": "2.0"},
        {"agent_type": ""},
        {"agent_type": "  "},
        {"name": ""},
        {"name": " "},
        {"metadata": {"x": "y" * (64 << 10)}},
        {"capabilities": [" "]},
    ],
)
async def test_an_external_agent_that_cannot_be_is_refused(api: Industrial, wrong) -> None:
    error = await api.refused("RegisterExternalAgent", **{"name": "n", "agent_type": "t", **wrong})
    assert (error.code, error.details["field"]) == ("INVALID_REQUEST", next(iter(wrong)))


async def test_a_wrong_token_is_nobodys(channel) -> None:
    nobody = Industrial(channel, (("x-agent-token", "agt_wrong"),))
    error = await nobody.refused("SendHeartbeat", agent_id=str(uuid.uuid4()), http=True)
    assert (error.http, error.code) == (401, "UNAUTHORIZED")


async def test_another_organizations_agent_is_not_found(api: Industrial, stranger: Industrial) -> None:
    agent = await api.agent("X")
    session = await stranger.session(started=True)
    task = await stranger.task(session)
    for method in ("GetAgent", "SendHeartbeat", "DeregisterAgent", "ListAssignedTasks"):
        error = await stranger.refused(method, agent_id=agent.id, http=True)
        assert (error.http, error.code) == (404, "AGENT_NOT_FOUND"), method
    error = await stranger.refused("AssignTask", task_id=task.id, agent_id=agent.id, http=True)
    assert (error.http, error.code) == (404, "AGENT_NOT_FOUND")
    assert (await stranger("ListAgents")).total == 0 and (await stranger("ListAgents", capability="X")).total == 0
    error = await stranger.refused("CreateTask", session_id=session.id, title="t", required_capabilities=["X"], http=True)
    assert (error.http, error.code) == (503, "AGENT_UNAVAILABLE")
    error = await stranger.refused("AssignTask", task_id=task.id, http=True)
    assert (error.http, error.code) == (503, "AGENT_UNAVAILABLE")
    assert (await of(api, agent)).status == "IDLE"


async def test_a_result_of_a_task_that_is_tried_again_may_be_said_twice(api, channel, tenant) -> None:
    agents = agent_service_pb2_grpc.AgentServiceStub(channel)
    tasks = task_service_pb2_grpc.TaskServiceStub(channel)
    register = agent_service_pb2.RegisterAgentRequest(name="r", type="x", retry_attempts=3)
    agent = await agents.RegisterAgent(register, metadata=tenant.metadata)
    await api("SendHeartbeat", agent_id=agent.id)
    create = task_service_pb2.CreateTaskRequest(agent_id=agent.id, input=to_value({}))
    task = await tasks.CreateTask(create, metadata=tenant.metadata)
    assert (await api("BeginTask", agent_id=agent.id, task_id=task.id)).attempt == 1
    said = {"agent_id": agent.id, "task_id": task.id, "error": "flaky", "attempt": 1}
    first = await api("SendResult", **said)
    again = await api("SendResult", **said)
    assert first.attempt == again.attempt == 1 and first.status == again.status != "IN_PROGRESS"
    seen = await tasks.GetTask(task_service_pb2.GetTaskRequest(id=task.id), metadata=tenant.metadata)
    assert (seen.status, seen.failures) == (TASK_STATUS_PENDING, 1)
    # It has another reason, so it is another result.
    other = await api.refused("SendResult", **{**said, "error": "another"})
    assert other.code == "STALE_LEASE"


async def test_a_task_that_recurs_is_begun_by_nobody(api, channel, tenant) -> None:
    agents = agent_service_pb2_grpc.AgentServiceStub(channel)
    tasks = task_service_pb2_grpc.TaskServiceStub(channel)
    agent = await agents.RegisterAgent(agent_service_pb2.RegisterAgentRequest(name="r", type="x"), metadata=tenant.metadata)
    await api("SendHeartbeat", agent_id=agent.id)
    create = task_service_pb2.CreateTaskRequest(agent_id=agent.id, input=to_value({}))
    create.schedule.cron.expression = "0 0 1 1 *"
    task = await tasks.CreateTask(create, metadata=tenant.metadata)
    for method, more in (("BeginTask", {"agent_id": agent.id}), ("AssignTask", {"agent_id": agent.id})):
        error = await api.refused(method, task_id=task.id, **more, http=True)
        assert (error.http, error.code) == (400, "INVALID_TRANSITION"), method
    seen = await tasks.GetTask(task_service_pb2.GetTaskRequest(id=task.id), metadata=tenant.metadata)
    assert seen.status == TASK_STATUS_PENDING and TASK_STATUS_RUNNING != seen.status
