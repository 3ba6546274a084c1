"""The native API through a real channel, on both databases."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest
from google.rpc.status_pb2 import Status
from orchestrator.v1 import (
    agent_service_pb2,
    agent_service_pb2_grpc,
    event_service_pb2,
    event_service_pb2_grpc,
    session_service_pb2,
    session_service_pb2_grpc,
    task_service_pb2,
    task_service_pb2_grpc,
)
from orchestrator.v1.session_pb2 import SESSION_STATUS_COMPLETED, SESSION_STATUS_CREATED, SESSION_STATUS_FAILED
from orchestrator.v1.task_pb2 import (
    TASK_STATUS_CANCELLED,
    TASK_STATUS_COMPLETED,
    TASK_STATUS_FAILED,
    TASK_STATUS_RUNNING,
)

from server.worker.values import from_value, to_value
from server.app import Application
from tests.support.refusals import reason, refused
from tests.support.tenants import Tenant, make_tenant
from tests.support.waiting import eventually

UPPER = "def process_data(data): return data.upper()"


class Client:
    def __init__(self, channel: grpc.aio.Channel, tenant: Tenant) -> None:
        self.sessions = session_service_pb2_grpc.SessionServiceStub(channel)
        self.agents = agent_service_pb2_grpc.AgentServiceStub(channel)
        self.tasks = task_service_pb2_grpc.TaskServiceStub(channel)
        self.events = event_service_pb2_grpc.EventServiceStub(channel)
        self.metadata = tenant.metadata

    async def session(self, name="s", **more):
        request = session_service_pb2.CreateSessionRequest(name=name, **more)
        return await self.sessions.CreateSession(request, metadata=self.metadata)

    async def agent(self, code=UPPER, **more):
        request = agent_service_pb2.CreateAgentRequest(name="a", code=code, **more)
        return await self.agents.CreateAgent(request, metadata=self.metadata)

    async def task(self, agent, value, metadata=(), **more):
        request = task_service_pb2.CreateTaskRequest(agent_id=agent.id, input=to_value(value), **more)
        return await self.tasks.CreateTask(request, metadata=(*self.metadata, *metadata))

    async def ended(self, task):
        last = None
        request = task_service_pb2.WatchTaskRequest(id=task.id)
        async for last in self.tasks.WatchTask(request, metadata=self.metadata):
            pass
        return last


@pytest.fixture
async def channel(application: Application):
    async with grpc.aio.insecure_channel(f"127.0.0.1:{application.port}") as opened:
        yield opened


@pytest.fixture
def client(channel, tenant: Tenant) -> Client:
    return Client(channel, tenant)


@pytest.fixture
def stranger(channel, other_tenant: Tenant) -> Client:
    return Client(channel, other_tenant)


async def test_a_session_lives_from_creation_to_its_end(client: Client) -> None:
    session = await client.session("My Session", timeout_seconds=60)
    assert session.id.startswith("session_") and len(session.id) == 40
    assert session.status == SESSION_STATUS_CREATED
    assert session.expires_at.seconds - session.created_at.seconds == 60
    request = session_service_pb2.UpdateSessionRequest(id=session.id, description="d", version=1)
    changed = await client.sessions.UpdateSession(request, metadata=client.metadata)
    assert (changed.description, changed.name, changed.version) == ("d", "My Session", 2)
    stale = await refused(client.sessions.UpdateSession(request, metadata=client.metadata))
    assert stale.code() == grpc.StatusCode.ABORTED and reason(stale).reason == "VERSION_MISMATCH"
    end = session_service_pb2.EndSessionRequest(id=session.id)
    ended = await client.sessions.EndSession(end, metadata=client.metadata)
    assert ended.status == SESSION_STATUS_COMPLETED and ended.completed_at.seconds
    again = await refused(client.sessions.EndSession(end, metadata=client.metadata))
    assert again.code() == grpc.StatusCode.FAILED_PRECONDITION and reason(again).reason == "SESSION_ENDED"
    await client.sessions.DeleteSession(
        session_service_pb2.DeleteSessionRequest(id=session.id), metadata=client.metadata
    )
    get = session_service_pb2.GetSessionRequest(id=session.id)
    gone = await refused(client.sessions.GetSession(get, metadata=client.metadata))
    assert gone.code() == grpc.StatusCode.NOT_FOUND


async def test_a_session_that_fails_says_why(client: Client) -> None:
    session = await client.session()
    end = session_service_pb2.EndSessionRequest(id=session.id, error="no reason")
    failed = await client.sessions.EndSession(end, metadata=client.metadata)
    assert failed.status == SESSION_STATUS_FAILED and failed.error == "no reason"


async def test_every_spelling_of_an_id_is_accepted(client: Client) -> None:
    session = await client.session()
    digits = session.id.removeprefix("session_")
    hyphens = f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
    for spelling in (digits, hyphens, f"session-{digits}", f"session_{hyphens}", f"session-{hyphens}", digits.upper()):
        request = session_service_pb2.GetSessionRequest(id=spelling)
        assert (await client.sessions.GetSession(request, metadata=client.metadata)).id == session.id


async def test_an_agent_does_a_task_and_its_result_is_watched(client: Client) -> None:
    agent = await client.agent()
    assert agent.entry_function == "process_data"
    session = await client.session()
    task = await client.task(agent, {"text": "hello world"}, session_id=session.id)
    done = await client.ended(task)
    assert done.status == TASK_STATUS_COMPLETED, done.error
    assert from_value(done.output) == "HELLO WORLD"
    assert done.attempt == 1 and done.duration_ms > 0 and done.session_id == session.id
    agent = await client.agents.GetAgent(agent_service_pb2.GetAgentRequest(id=agent.id), metadata=client.metadata)
    assert (agent.tasks_completed, agent.tasks_failed) == (1, 0)
    session = await client.sessions.GetSession(
        session_service_pb2.GetSessionRequest(id=session.id), metadata=client.metadata
    )
    assert session.iterations == 1 and session.started_at.seconds


async def test_code_that_raises_fails_its_task_with_its_own_traceback(client: Client) -> None:
    agent = await client.agent("def f(n):\n    print('before')\n    return 1 / n\n")
    done = await client.ended(await client.task(agent, {"n": 0}))
    assert done.status == TASK_STATUS_FAILED
    assert done.error.type == "ZeroDivisionError" and done.stdout == "before\n"
    assert "agent.py" in done.error.traceback and "server/" not in done.error.traceback


@pytest.mark.parametrize("lease", [0.3])
async def test_no_lease_is_lost_while_its_task_is_worked_on(settings, lease: float) -> None:
    """Leases are kept much more often than tasks are claimed, so that the two meet in every order."""
    application = Application(settings.model_copy(update={"lease_seconds": lease, "sandbox_concurrency": 8}))
    # By its clock leases last twenty times as long as between two keepings, however busy this machine is.
    began, clock = application.database.clock(), application.database.clock
    application.database.clock = lambda: began + (clock() - began) // 20
    port = (await application.start(["127.0.0.1:0"]))[0]
    tenant = await make_tenant(application.database)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        client = Client(channel, tenant)
        agent = await client.agent("import time\ndef f(n):\n    time.sleep(n)\n    return n")
        tasks = await asyncio.gather(*(client.task(agent, {"n": 0.01 * (n % 8)}) for n in range(120)))
        done = await asyncio.gather(*(client.ended(task) for task in tasks))
    await application.stop()
    assert {(task.status, task.attempt) for task in done} == {(TASK_STATUS_COMPLETED, 1)}


async def test_a_malformed_message_is_refused_like_any_other(channel, tenant: Tenant) -> None:
    raw = channel.unary_unary("/orchestrator.v1.SessionService/CreateSession")
    error = await refused(raw(b"\xff\xff", metadata=tenant.metadata))
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT and reason(error).reason == "INVALID_REQUEST"


async def test_a_running_task_is_cancelled_and_its_process_ends(client: Client) -> None:
    agent = await client.agent("import time\ndef f():\n    time.sleep(60)\n")
    task = await client.task(agent, {}, timeout_seconds=60)
    get = task_service_pb2.GetTaskRequest(id=task.id)

    async def running():
        return (await client.tasks.GetTask(get, metadata=client.metadata)).started_at.seconds

    await eventually(running)
    cancel = task_service_pb2.CancelTaskRequest(id=task.id)
    asked = await client.tasks.CancelTask(cancel, metadata=client.metadata)
    assert asked.cancel_requested and asked.status == TASK_STATUS_RUNNING
    done = await asyncio.wait_for(client.ended(task), 5)
    assert done.status == TASK_STATUS_CANCELLED and not done.cancel_requested
    again = await client.tasks.CancelTask(cancel, metadata=client.metadata)
    assert again.status == TASK_STATUS_CANCELLED and again.version == done.version


async def test_ending_a_session_cancels_its_open_tasks(client: Client) -> None:
    agent = await client.agent("import time\ndef f():\n    time.sleep(60)\n")
    session = await client.session()
    task = await client.task(agent, {}, timeout_seconds=60, session_id=session.id)
    await client.sessions.EndSession(session_service_pb2.EndSessionRequest(id=session.id), metadata=client.metadata)
    assert (await asyncio.wait_for(client.ended(task), 5)).status == TASK_STATUS_CANCELLED
    error = await refused(client.task(agent, {}, session_id=session.id))
    assert reason(error).reason == "SESSION_ENDED"


async def test_a_session_takes_no_more_tasks_than_its_iterations(client: Client) -> None:
    agent = await client.agent()
    session = await client.session(max_iterations=1)
    await client.task(agent, {"text": "a"}, session_id=session.id)
    error = await refused(client.task(agent, {"text": "a"}, session_id=session.id))
    assert error.code() == grpc.StatusCode.FAILED_PRECONDITION and reason(error).reason == "ITERATIONS_EXHAUSTED"


async def test_input_that_does_not_fit_is_refused_before_anything_is_recorded(client: Client) -> None:
    agent = await client.agent("def add(a, b): return a + b")
    error = await refused(client.task(agent, {"a": 1}))
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT and "missing: b" in reason(error).metadata["issue"]
    listed = await client.tasks.ListTasks(task_service_pb2.ListTasksRequest(), metadata=client.metadata)
    assert not listed.tasks


async def test_numbers_reach_the_code_as_their_writer_meant(client: Client) -> None:
    agent = await client.agent("def f(n, x): return [type(n).__name__, type(x).__name__, n * 2, x * 2]")
    done = await client.ended(await client.task(agent, {"n": 21, "x": 0.5}))
    assert from_value(done.output) == ["int", "float", 42, 1]


async def test_another_organization_sees_nothing(client: Client, stranger: Client) -> None:
    session, agent = await client.session(), await client.agent()
    task = await client.task(agent, {"text": "a"})
    await client.ended(task)
    calls = [
        stranger.sessions.GetSession(session_service_pb2.GetSessionRequest(id=session.id), metadata=stranger.metadata),
        stranger.sessions.UpdateSession(
            session_service_pb2.UpdateSessionRequest(id=session.id, name="x"), metadata=stranger.metadata
        ),
        stranger.sessions.EndSession(session_service_pb2.EndSessionRequest(id=session.id), metadata=stranger.metadata),
        stranger.sessions.DeleteSession(
            session_service_pb2.DeleteSessionRequest(id=session.id), metadata=stranger.metadata
        ),
        stranger.agents.GetAgent(agent_service_pb2.GetAgentRequest(id=agent.id), metadata=stranger.metadata),
        stranger.agents.UpdateAgent(agent_service_pb2.UpdateAgentRequest(id=agent.id), metadata=stranger.metadata),
        stranger.agents.DeleteAgent(agent_service_pb2.DeleteAgentRequest(id=agent.id), metadata=stranger.metadata),
        stranger.tasks.GetTask(task_service_pb2.GetTaskRequest(id=task.id), metadata=stranger.metadata),
        stranger.tasks.CancelTask(task_service_pb2.CancelTaskRequest(id=task.id), metadata=stranger.metadata),
        stranger.task(agent, {"text": "a"}),
        stranger.ended(task),
    ]
    for call in calls:
        assert (await refused(call)).code() == grpc.StatusCode.NOT_FOUND
    listed = await stranger.events.ListEvents(event_service_pb2.ListEventsRequest(after=0), metadata=stranger.metadata)
    assert not listed.events and listed.newest == 0
    for page in (
        (
            await stranger.sessions.ListSessions(session_service_pb2.ListSessionsRequest(), metadata=stranger.metadata)
        ).sessions,
        (await stranger.agents.ListAgents(agent_service_pb2.ListAgentsRequest(), metadata=stranger.metadata)).agents,
        (await stranger.tasks.ListTasks(task_service_pb2.ListTasksRequest(), metadata=stranger.metadata)).tasks,
    ):
        assert not page


async def test_every_change_makes_one_event_and_a_watcher_gets_each_once_in_order(client: Client) -> None:
    seen = []

    async def watch():
        request = event_service_pb2.WatchRequest(after=0)
        async for event in client.events.Watch(request, metadata=client.metadata):
            if event.type != "heartbeat":
                seen.append(event)

    watching = asyncio.create_task(watch())
    session = await client.session()
    agent = await client.agent()
    task = await client.task(agent, {"text": "a"}, session_id=session.id)
    await client.ended(task)
    await client.sessions.EndSession(session_service_pb2.EndSessionRequest(id=session.id), metadata=client.metadata)
    await eventually(lambda: len(seen) == 7)
    watching.cancel()
    assert [event.type for event in seen] == [
        "session.created",
        "agent.created",
        "session.running",
        "task.created",
        "task.started",
        "task.completed",
        "session.completed",
    ]
    assert [event.number for event in seen] == list(range(1, 8))
    assert seen[5].task.id == task.id and from_value(seen[5].task.output) == "A"
    request = event_service_pb2.ListEventsRequest(after=2, types=["task.*"], resource_id=session.id)
    listed = await client.events.ListEvents(request, metadata=client.metadata)
    assert [event.type for event in listed.events] == ["task.created", "task.started", "task.completed"]
    assert (listed.next_after, listed.newest) == (7, 7)


async def test_an_idle_watcher_gets_heartbeats(client: Client) -> None:
    stream = client.events.Watch(event_service_pb2.WatchRequest(), metadata=client.metadata)
    first = await asyncio.wait_for(stream.read(), 5)
    assert first.type == "heartbeat" and first.created_at.seconds
    stream.cancel()


async def test_a_cursor_beyond_the_feed_gets_a_defined_answer(client: Client) -> None:
    stream = client.events.Watch(event_service_pb2.WatchRequest(after=99), metadata=client.metadata)
    error = await refused(stream.read())
    assert error.code() == grpc.StatusCode.OUT_OF_RANGE
    assert dict(reason(error).metadata) == {"after": "99", "start_after": "0", "newest": "0"}


async def test_no_more_sessions_are_open_than_the_limit_even_when_asked_at_once(client: Client) -> None:
    results = await asyncio.gather(*(client.session() for _ in range(14)), return_exceptions=True)
    errors = [result for result in results if isinstance(result, grpc.aio.AioRpcError)]
    assert len(errors) == 4
    assert {error.code() for error in errors} == {grpc.StatusCode.RESOURCE_EXHAUSTED}
    assert reason(errors[0]).metadata["limit"] == "10"


async def test_bad_requests_name_the_field(client: Client) -> None:
    cases = [
        (client.session(""), "name"),
        (client.session("x" * 201), "name"),
        (client.session("a\0b"), "name"),
        (client.session(timeout_seconds=0), "timeout_seconds"),
        (client.agent("def f(:"), "code"),
        (client.agent("x = 1"), "code"),
        (client.agent("def f(): pass", requirements=["./evil"]), "requirements[0]"),
        (client.agent("def f(): pass", entry_function="g"), "entry_function"),
    ]
    for call, field in cases:
        error = await refused(call)
        assert error.code() == grpc.StatusCode.INVALID_ARGUMENT
        details = Status.FromString(dict(error.trailing_metadata())["grpc-status-details-bin"]).details
        bad = BadRequest()
        details[1].Unpack(bad)
        assert bad.field_violations[0].field == field
    syntax = await refused(client.agent("def f(:\n  pass"))
    assert reason(syntax).metadata["line"] == "1"
    several = await refused(client.agent("def a(): pass\ndef b(): pass"))
    assert "a" in reason(several).metadata["candidates"]


async def test_a_call_without_a_good_key_is_refused(channel, application: Application) -> None:
    stub = session_service_pb2_grpc.SessionServiceStub(channel)
    for metadata in (
        (),
        (("authorization", "Bearer ak_wrong"),),
        (("authorization", "Basic x"),),
        (("x-api-key", "ak_x"),),
    ):
        error = await refused(stub.ListSessions(session_service_pb2.ListSessionsRequest(), metadata=metadata))
        assert error.code() == grpc.StatusCode.UNAUTHENTICATED
