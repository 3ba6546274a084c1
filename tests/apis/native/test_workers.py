"""Workers through a real channel and the library for them, on both databases."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import AsyncExitStack

import grpc
import pytest
from orchestrator.agent_operations.v1 import worker_service_pb2 as operations
from orchestrator.agent_operations.v1 import worker_service_pb2_grpc as operations_grpc
from orchestrator.v1 import (
    agent_service_pb2,
    task_service_pb2,
    worker_service_pb2,
)
from orchestrator.v1 import worker_pb2 as pb
from orchestrator.v1.agent_pb2 import (
    AGENT_STATUS_ACTIVE,
    AGENT_STATUS_ERROR,
    AGENT_STATUS_INACTIVE,
    AGENT_STATUS_INITIALIZING,
)
from orchestrator.v1.worker_pb2 import WORKER_STATUS_DRAINING
from orchestrator.v1.task_pb2 import (
    TASK_STATUS_CANCELLED,
    TASK_STATUS_COMPLETED,
    TASK_STATUS_FAILED,
    TASK_STATUS_PENDING,
    TASK_STATUS_RUNNING,
)

from server.worker.values import from_value
from server.app import Application
from server.work.retention import TRIM_SECONDS
from server.core.queue import cancellation
from server.core.workers import claim_loop
from server.model import new_id
from server.settings import ApiSettings
from server.store.bus import SocketBus
from server.core.workers.connection import WorkerConnection
from server.worker import Permanent, Worker
from server.worker import worker as worker_library
from tests.support.clock import Clock, pass_loop_time, pass_time_in
from tests.support.tenants import Tenant, make_tenant
from tests.support.waiting import eventually
from tests.support.workers import Client, Raw, ref


@pytest.fixture
async def channel(application: Application):
    async with grpc.aio.insecure_channel(f"127.0.0.1:{application.port}") as opened:
        yield opened


@pytest.fixture
def client(channel, tenant: Tenant) -> Client:
    return Client(channel, tenant)


async def test_a_lease_comes_at_once_and_its_result_is_accepted(client: Client) -> None:
    agent = await client.agent()
    assert agent.status == AGENT_STATUS_INITIALIZING
    async with Raw(client, agent) as worker:
        assert worker.welcome.lease_seconds == 2 and 0 < worker.welcome.heartbeat_interval_seconds <= 2 / 3
        assert await client.status(agent) == AGENT_STATUS_ACTIVE
        took = []
        for n in range(20):
            began = time.perf_counter()
            task = await client.task(agent, {"n": n})
            lease = (await worker.leased(n + 1))[n]
            took.append(time.perf_counter() - began)
            assert lease.task_id == task.id and from_value(lease.task.input) == {"n": n} and lease.expires_at.seconds
            await worker.complete(lease, {"n": n})
            await worker.wait("accepted", n + 1)
        # Told, and not found by the next look, which comes once a second.
        assert sorted(took)[10] < 0.5
        done = await client.ended(task)
        assert done.status == TASK_STATUS_COMPLETED and from_value(done.output) == {"n": 19}
        listed = await client.workers.ListWorkers(
            worker_service_pb2.ListWorkersRequest(agent_id=agent.id), metadata=client.metadata
        )
        assert [each.id for each in listed.workers] == [worker.welcome.worker_id]
        get = worker_service_pb2.GetWorkerRequest(id=worker.welcome.worker_id)
        assert (await client.workers.GetWorker(get, metadata=client.metadata)).cpu_usage == 12.5


async def test_capacity_is_kept_and_no_task_goes_to_two_workers(client: Client) -> None:
    agent = await client.agent()
    async with Raw(client, agent, capacity=3) as one, Raw(client, agent, capacity=2) as two:
        made = {(await client.task(agent)).id for _ in range(12)}
        await eventually(lambda: len(one.held) == 3 and len(two.held) == 2)
        seen: list[str] = []
        while len(seen) < 12:
            for worker in (one, two):
                assert len(worker.held) <= worker.hello.capacity
                # A completed lease is held until the server has said that it accepts it.
                for lease in [lease for lease in worker.held.values() if lease.task_id not in seen]:
                    seen.append(lease.task_id)
                    await worker.complete(lease)
            await eventually(lambda: len(seen) >= 12 or not set(one.held) | set(two.held) <= set(seen))
        assert sorted(seen) == sorted(made)
        given = [lease.task_id for worker in (one, two) for lease in await worker.leased(0)]
        assert sorted(given) == sorted(made), "each task was leased once"


async def test_an_agents_own_bound_holds_over_all_its_workers(client: Client) -> None:
    agent = await client.agent(max_concurrent_tasks=2)
    async with Raw(client, agent, capacity=5) as one, Raw(client, agent, capacity=5) as two:
        for _ in range(6):
            await client.task(agent)
        for ended in range(6):
            await eventually(lambda: len(one.held) + len(two.held) == min(2, 6 - ended), 0.9)
            worker = one if one.held else two
            lease = next(iter(worker.held.values()))
            await worker.complete(lease)
            await eventually(lambda: lease.task_id not in worker.held)


async def test_a_task_that_finds_no_agent_free_waits_for_the_first_worker(client: Client) -> None:
    agent = await client.agent(capabilities=agent_service_pb2.Capabilities(words=["dig"]))
    request = task_service_pb2.CreateTaskRequest(type="dig")
    task = await client.tasks.CreateTask(request, metadata=client.metadata)
    assert not task.agent_id
    async with Raw(client, agent) as worker:
        assert (await worker.leased())[0].task.agent_id == agent.id


async def test_a_dropped_connection_goes_on_where_it_was(client: Client) -> None:
    agent = await client.agent()
    tasks = [await client.task(agent, {"n": n}) for n in range(3)]
    async with Raw(client, agent, capacity=3) as first:
        leases = await first.leased(3)
        await first.complete(leases[0])
        await first.wait("accepted")
        first.drop()
    await client.task(agent)
    named = [ref(leases[0]), ref(leases[1])]
    async with Raw(client, agent, 4, first.welcome.worker_id, named) as second:
        assert second.welcome.worker_id == first.welcome.worker_id
        assert {each.task_id for each in second.welcome.held} == {leases[1].task_id, leases[2].task_id}
        assert [each.task_id for each in second.welcome.lost] == [leases[0].task_id]
        given = await second.leased(2)
        assert given[0].task_id == leases[2].task_id and given[0].attempt == 1
        # The answer may have been lost with the connection: the same result counts once.
        await second.complete(leases[0])
        await second.complete(leases[1])
        await second.complete(leases[1])
        await eventually(lambda: sum(len(each.accepted.leases) for each in second.all("accepted")) == 3)
        await second.say(release=pb.Release(lease=ref(leases[2])))
        again = next(each for each in await second.leased(3) if each.attempt == 2)
        assert again.task_id == leases[2].task_id
        await second.complete(again)
        done = [await client.ended(task) for task in tasks]
    assert [(task.status, task.attempt) for task in done] == [(TASK_STATUS_COMPLETED, n) for n in (1, 1, 2)]
    assert done[0].version == 3


async def test_a_silent_worker_loses_its_lease_to_another_and_is_refused(
    client: Client, application: Application
) -> None:
    # No lease runs out but when this test lets time pass.
    application.database.clock = Clock(application.database.clock())
    agent = await client.agent()
    task = await client.task(agent)
    async with Raw(client, agent) as slow:
        (lease,) = await slow.leased()
        slow.beating = False
        pass_loop_time(slow.welcome.lease_seconds)
        await asyncio.wait_for(slow.over.wait(), 5)
        await pass_time_in(application, slow.welcome.lease_seconds + 1)
        async with Raw(client, agent) as quick:
            (second,) = await quick.leased()
            assert second.attempt == 2
            async with Raw(client, agent, 1, slow.welcome.worker_id, [ref(lease)]) as back:
                assert [each.task_id for each in back.welcome.lost] == [task.id] and not back.welcome.held
                await back.complete(lease, "slow")
                refused = (await back.wait("refused")).refused
            assert refused.reason == "STALE_LEASE" and refused.status == TASK_STATUS_RUNNING
            assert refused.held_by == quick.welcome.worker_id
            assert refused.current_attempt == 2
            await quick.complete(second, "quick")
            assert from_value((await client.ended(task)).output) == "quick"


async def test_who_says_nothing_is_hung_up_on_and_is_lost_in_the_end(settings) -> None:
    application = Application(settings.model_copy(update={"lease_seconds": 0.6, "worker_silent_seconds": 1.0}))
    port = (await application.start(["127.0.0.1:0"]))[0]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        client = Client(channel, await make_tenant(application.database))
        agent = await client.agent()
        async with Raw(client, agent) as worker:
            worker.beating = False
            await asyncio.wait_for(worker.over.wait(), 5)
            assert worker.error.code() == grpc.StatusCode.UNAVAILABLE

        async def status():
            return await client.status(agent) == AGENT_STATUS_ERROR

        await eventually(status)
        async with Raw(client, agent, worker_id=worker.welcome.worker_id):
            assert await client.status(agent) == AGENT_STATUS_ACTIVE
    await application.stop()


async def test_only_its_own_agent_and_organization_take_a_worker(client: Client, channel, other_tenant) -> None:
    agent, other = await client.agent(), await client.agent(name="b")
    stranger = Client(channel, other_tenant)
    async with Raw(client, agent) as worker:
        lies = [
            Raw(stranger, agent),
            Raw(client, other, worker_id=worker.welcome.worker_id),
            Raw(stranger, await stranger.agent(), worker_id=worker.welcome.worker_id),
        ]
        for lie in lies:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await lie.__aenter__()
            assert caught.value.code() == grpc.StatusCode.NOT_FOUND
        task = await client.task(agent)
        (lease,) = await worker.leased()
        async with Raw(stranger, await stranger.agent()) as thief:
            thief.held[lease.task_id] = lease
            assert (await thief.wait("lost")).lost.lease.task_id == task.id
            await thief.complete(lease, "stolen")
            refused = (await thief.wait("refused")).refused
            assert not refused.held_by and not refused.current_attempt
        assert (await client.get(task)).status == TASK_STATUS_RUNNING


async def test_garbage_ends_the_stream_and_leases_stay(client: Client) -> None:
    agent = await client.agent()
    raw = client.channel.stream_stream("/orchestrator.v1.WorkerService/Work")
    hello = pb.WorkRequest(hello=pb.Hello(agent_id=agent.id, capacity=1)).SerializeToString()
    beat = pb.WorkRequest(heartbeat=pb.Heartbeat()).SerializeToString()
    for words in ([b"\xff\xff"], [beat], [b""], [hello, b"\xff\xff"], [hello, hello], [hello, b""]):
        call = raw(metadata=client.metadata)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            for word in words:
                await call.write(word)
            while await call.read() is not grpc.aio.EOF:
                pass
        assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT, words
    task = await client.task(agent)
    async with Raw(client, agent) as worker:
        await worker.leased()
        worker.beats.cancel()
        await worker.say()
        await asyncio.wait_for(worker.over.wait(), 5)
        assert worker.error.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert (await client.get(task)).status == TASK_STATUS_RUNNING


async def test_a_flood_of_progress_costs_little_and_the_last_word_counts(client: Client, application) -> None:
    agent = await client.agent()
    task = await client.task(agent)
    async with Raw(client, agent) as worker:
        (lease,) = await worker.leased()
        slowest = 0.0

        async def look():
            nonlocal slowest
            while True:
                # What the loop itself does meanwhile: other programs of this machine may keep it waiting for longer.
                began = time.thread_time()
                await client.get(task)
                slowest = max(slowest, time.thread_time() - began)
                await asyncio.sleep(0.01)

        looking = asyncio.create_task(look())
        for n in range(4_000):
            await worker.say(progress=pb.Progress(lease=ref(lease), percent=n / 40, message=f"step {n}"))
            if n % 4 == 0:
                await worker.say(log=pb.Log(lease=ref(lease), message=f"line {n}"))
        beats = len(worker.all("alive"))
        await worker.complete(lease)
        await worker.wait("accepted", seconds=20)
        looking.cancel()
        assert beats >= 2 and slowest < 2.0
    done = await client.ended(task)
    assert done.progress == 100 and done.progress_message == "step 3999"
    # Created, started, completed, and one change for each quarter of a second.
    assert done.version < 150
    lines = await client.tasks.ListTaskLogs(
        task_service_pb2.ListTaskLogsRequest(id=task.id, limit=1000), metadata=client.metadata
    )
    assert 0 < len(lines.lines) <= 1000


async def test_a_cancellation_is_told_acknowledged_and_done(client: Client) -> None:
    agent = await client.agent()
    task = await client.task(agent)
    async with Raw(client, agent) as worker:
        (lease,) = await worker.leased()
        await worker.say(cancelled=pb.Cancelled(lease=ref(lease)))
        assert (await worker.wait("refused")).refused.reason == "NOT_CANCELLED"
        began = time.perf_counter()
        await client.cancel(task)
        cancel = (await worker.wait("cancel")).cancel
        assert time.perf_counter() - began < 0.5
        assert cancel.lease.task_id == task.id and cancel.grace_seconds == 10
        await worker.say(acknowledge_cancel=pb.AcknowledgeCancel(lease=ref(lease)))

        async def acknowledged():
            return (await client.get(task)).cancel_acknowledged

        await eventually(acknowledged)
        await worker.say(cancelled=pb.Cancelled(lease=ref(lease)))
        await worker.wait("accepted")
        assert (await client.ended(task)).status == TASK_STATUS_CANCELLED


async def test_who_ignores_a_cancellation_is_cut_off(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cancellation, "CANCEL_GRACE", 500_000)
    agent = await client.agent()
    task = await client.task(agent)
    async with Raw(client, agent) as worker:
        (lease,) = await worker.leased()
        await client.cancel(task)
        assert (await asyncio.wait_for(client.ended(task), 5)).status == TASK_STATUS_CANCELLED
        await worker.wait("lost")
        await worker.complete(lease)
        assert (await worker.wait("refused")).refused.status == TASK_STATUS_CANCELLED
        # There is room for another one.
        await client.task(agent)
        await worker.leased(2)


async def test_a_worker_that_drains_finishes_and_leaves(client: Client) -> None:
    agent = await client.agent()
    task = await client.task(agent)
    async with Raw(client, agent, capacity=2) as worker:
        (lease,) = await worker.leased()
        await worker.say(drain=pb.Drain())
        get = worker_service_pb2.GetWorkerRequest(id=worker.welcome.worker_id)

        async def draining():
            return (await client.workers.GetWorker(get, metadata=client.metadata)).status == WORKER_STATUS_DRAINING

        await eventually(draining)
        other = await client.task(agent)
        assert not worker.over.is_set()
        await worker.complete(lease)
        # With another lease it would have to stay.
        await asyncio.wait_for(worker.over.wait(), 5)
        assert worker.error is None and len(await worker.leased()) == 1
    assert (await client.ended(task)).status == TASK_STATUS_COMPLETED
    assert (await client.get(other)).status == TASK_STATUS_PENDING
    assert await client.status(agent) == AGENT_STATUS_INACTIVE
    get = worker_service_pb2.GetWorkerRequest(id=worker.welcome.worker_id)
    assert (await client.workers.GetWorker(get, metadata=client.metadata)).status == pb.WORKER_STATUS_GONE


async def test_a_server_that_stops_ends_the_streams_of_workers_at_once(settings) -> None:
    application = Application(settings)
    port = (await application.start(["127.0.0.1:0"]))[0]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        client = Client(channel, await make_tenant(application.database))
        async with Raw(client, await client.agent()) as worker:
            began = time.monotonic()
            await application.stop()
            assert time.monotonic() - began < 1.5
            await asyncio.wait_for(worker.over.wait(), 2)
            assert worker.error.code() == grpc.StatusCode.UNAVAILABLE


async def test_the_library_does_all_of_it(client: Client, application: Application) -> None:
    worker = Worker(f"127.0.0.1:{application.port}", key=client.tenant.key, agent_type="lib", capacity=8)
    began = asyncio.Event()

    @worker.task
    async def add(context, a: int, b: int = 1):
        context.progress(50, "half")
        context.log("adding")
        return {"sum": a + b}

    @worker.task("sync")
    def sync(context, input):
        context.progress(10)
        return [input, context.task.type]

    @worker.task("fail")
    async def fail(context, **rest):
        raise Permanent(f"no {rest}") if rest else ValueError("no")

    @worker.task("long")
    async def long(context):
        began.set()
        await asyncio.sleep(60)

    working = asyncio.create_task(worker.work())
    await eventually(lambda: worker.worker_id)
    agent = agent_service_pb2.GetAgentRequest(id=worker.agent_id)

    async def do(value, **more):
        return await client.task(agent, value, **more)

    added = await client.ended(await do({"a": 2, "b": 3}))
    assert from_value(added.output) == {"sum": 5} and added.progress_message == "half", added
    assert from_value((await client.ended(await do({"k": [1]}, type="sync"))).output) == [{"k": [1]}, "sync"]
    failed = await client.ended(await do({"x": 1}, type="fail"))
    assert (failed.status, failed.error.type) == (
        TASK_STATUS_FAILED,
        "Permanent",
    ) and "in fail" in failed.error.traceback
    missing = await client.ended(await do({}))
    assert missing.error.type == "TypeError"
    task = await do({}, type="long")
    await asyncio.wait_for(began.wait(), 5)
    await client.cancel(task)
    assert (await asyncio.wait_for(client.ended(task), 5)).status == TASK_STATUS_CANCELLED
    worker.drain()
    await asyncio.wait_for(working, 5)
    assert await client.status(agent) == AGENT_STATUS_INACTIVE
    # The second one of its name does the same agent's tasks.
    again = Worker(f"127.0.0.1:{application.port}", key=client.tenant.key, agent_type="lib")
    working = asyncio.create_task(again.work())
    await eventually(lambda: again.worker_id)
    assert again.agent_id == worker.agent_id and again.worker_id != worker.worker_id
    again.drain()
    await asyncio.wait_for(working, 5)


class Rest:
    """A worker over REST, as the gateway hands on what it says."""

    def __init__(self, channel: grpc.aio.Channel, tenant: Tenant) -> None:
        self._stub = operations_grpc.WorkerServiceStub(channel)
        self._metadata = tenant.metadata
        self.id = ""

    async def __call__(self, method: str, **fields):
        request = getattr(operations, f"{method}Request")(**({"worker_id": self.id} | fields if self.id else fields))
        return await getattr(self._stub, method)(request, metadata=self._metadata)

    async def code(self, method: str, **fields) -> grpc.StatusCode:
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await self(method, **fields)
        return error.value.code()

    async def connect(self, agent, **more):
        self.id = ""
        self.id = (await self("ConnectWorker", agent_id=agent.id, **more)).data.id

    async def info(self):
        return (await self("GetWorker")).data


@pytest.fixture
def rest(channel, tenant) -> Rest:
    return Rest(channel, tenant)


async def test_a_heartbeat_brings_back_who_was_lost_and_not_who_has_left(
    application, client: Client, rest: Rest
) -> None:
    agent = await client.agent()
    await rest.connect(agent)
    database, workers = application.database, application.use_cases.workers
    clock = database.clock
    database.clock = lambda: clock() + 3600 * 1_000_000
    assert await workers.find_lost() == 1
    database.clock = clock
    assert (await rest.info()).status == "lost" and await client.status(agent) == AGENT_STATUS_ERROR
    await rest("Heartbeat")
    assert (await rest.info()).status == "active" and await client.status(agent) == AGENT_STATUS_ACTIVE
    await rest("RemoveWorker")
    assert await rest.code("Heartbeat") == grpc.StatusCode.FAILED_PRECONDITION
    assert (await rest.info()).status == "gone" and await client.status(agent) == AGENT_STATUS_INACTIVE
    await rest.connect(agent)
    await client.agents.DeleteAgent(agent_service_pb2.DeleteAgentRequest(id=agent.id), metadata=client.metadata)
    assert await rest.code("Heartbeat") == grpc.StatusCode.NOT_FOUND


async def test_whatever_a_rest_worker_says_is_a_sign_of_life(application, client: Client, rest: Rest) -> None:
    agent = await client.agent()
    tasks = [await client.task(agent) for _ in range(4)]
    await rest.connect(agent, capacity=10)
    database = application.database
    clock, passed = database.clock, 0
    database.clock = lambda: clock() + passed

    async def seen(method: str, **fields) -> bool:
        nonlocal passed
        before = (await rest.info()).last_seen_at.ToMicroseconds()
        passed += 4_000_000
        await rest(method, **fields)
        return (await rest.info()).last_seen_at.ToMicroseconds() >= before + 4_000_000

    assert await seen("TakeLeases")
    one, two = tasks[0].id, tasks[1].id
    before = await client.get(tasks[0])
    assert await seen("ReportProgress", task_id=one, attempt=1, progress=1)
    assert await seen("WriteLog", task_id=one, attempt=1, message="m")
    held = (await rest("ConnectWorker", agent_id=agent.id, capacity=10)).data.leases
    expires = {lease.task_id: lease.expires_at.ToMicroseconds() for lease in held}
    assert expires[one] > expires[two] + 7_000_000, "its own lease goes on, and no other"
    assert before.status == TASK_STATUS_RUNNING
    assert await seen("CompleteTask", task_id=one, attempt=1)
    assert await seen("FailTask", task_id=two, attempt=1)
    assert await seen("ReleaseTask", task_id=tasks[3].id, attempt=1)
    at = (await rest.info()).last_seen_at
    await rest("WriteLog", task_id=tasks[2].id, attempt=1, message="m")
    assert (await rest.info()).last_seen_at == at, "one write every three seconds is enough"


async def test_a_word_without_a_figure_keeps_the_figure(client: Client, rest: Rest) -> None:
    agent = await client.agent()
    task = await client.task(agent)
    await rest.connect(agent)
    await rest("TakeLeases")
    for said in ({"progress": 40, "message": "a"}, {"message": "b"}, {"progress": 0, "message": "c"}):
        await rest("ReportProgress", task_id=task.id, attempt=1, **said)
        shown = await client.get(task)
        assert (shown.progress, shown.progress_message) == (said.get("progress", 40), said["message"])
    other = await client.agent()
    task = await client.task(other)
    raw = Raw(client, other)
    async with raw:
        await eventually(lambda: raw.held)
        lease = pb.LeaseRef(task_id=task.id, attempt=1)
        await raw.say(progress=pb.Progress(lease=lease, percent=40, message="a"))
        await raw.say(progress=pb.Progress(lease=lease, message="b"))

        async def noted() -> bool:
            shown = await client.get(task)
            return (shown.progress, shown.progress_message) == (40, "b")

        await eventually(noted)


async def test_a_worker_that_begins_twice_under_one_key_is_one(client: Client, rest: Rest) -> None:
    agent = await client.agent()
    rest._metadata = (*rest._metadata, ("idempotency-key", "k"))
    ids = set()
    for _ in range(2):
        await rest.connect(agent)
        ids.add(rest.id)
    assert len(ids) == 1


async def test_a_full_rest_worker_waits_until_one_of_its_tasks_ends(settings, monkeypatch: pytest.MonkeyPatch) -> None:
    # It is woken, and does not look by itself.
    monkeypatch.setattr(claim_loop, "POLL_SECONDS", 1000.0)
    # Longer than all of this takes: no heartbeat keeps the leases.
    here, elsewhere = [Application(settings.model_copy(update={"lease_seconds": 60.0})) for _ in range(2)]
    if isinstance(elsewhere.bus, SocketBus):
        # As if it were another process.
        elsewhere.bus._path = elsewhere.bus._path.with_name(f"{os.getppid()}.bus")
    async with AsyncExitStack() as open_until_the_end:
        channels = []
        for each in (here, elsewhere):
            port = (await each.start(["127.0.0.1:0"]))[0]
            open_until_the_end.push_async_callback(each.stop)
            channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}")
            channels.append(await open_until_the_end.enter_async_context(channel))
        tenant = await make_tenant(here.database)
        client = Client(channels[0], tenant)
        rest, there = [Rest(channel, tenant) for channel in channels]
        agent = await client.agent()
        _, second, third = [await client.task(agent) for _ in range(3)]
        await rest.connect(agent)
        there.id = rest.id
        (lease,) = (await rest("TakeLeases", wait_seconds=20)).data
        began = time.perf_counter()
        assert not (await rest("TakeLeases", max=1, wait_seconds=0.3)).data
        assert time.perf_counter() - began >= 0.3
        for by, following in ((rest, second), (there, third)):
            waiting = asyncio.create_task(rest("TakeLeases", max=1, wait_seconds=20))
            await eventually(lambda: here.use_cases.worker_hub._claim_loops)
            # It has looked, and found itself full.
            (looking,) = here.use_cases.worker_hub._claim_loops.values()
            await eventually(lambda: looking.more)
            assert not waiting.done()
            await by("CompleteTask", task_id=lease.task_id, attempt=lease.attempt)
            (lease,) = (await asyncio.wait_for(waiting, 15)).data
            assert lease.task_id == following.id


async def test_capacity_is_kept_by_a_rest_worker_that_asks_many_times_at_once(
    application: Application, client: Client, rest: Rest
) -> None:
    # No lease runs out: no heartbeat keeps them.
    application.database.clock = Clock(application.database.clock())
    agent = await client.agent()
    await rest.connect(agent, capacity=2)
    early = [asyncio.create_task(rest("TakeLeases", wait_seconds=1)) for _ in range(5)]
    hub = application.use_cases.worker_hub
    await eventually(lambda: hub._claim_loops and len(next(iter(hub._claim_loops.values())).consumers) == 5)
    for _ in range(6):
        await client.task(agent)
    late = [rest("TakeLeases", max=2, wait_seconds=wait) for wait in (0, 0, 0.5, 0.5)]
    taken = [lease for answer in await asyncio.gather(*early, *late) for lease in answer.data]
    assert len(taken) == len({lease.task_id for lease in taken}) == 2
    await rest("CompleteTask", task_id=taken[0].task_id, attempt=1)
    answers = await asyncio.gather(*(rest("TakeLeases") for _ in range(5)))
    assert sum(len(answer.data) for answer in answers) == 1


async def test_a_rest_worker_that_leaves_while_it_waits_gets_nothing(
    application: Application, client: Client, rest: Rest
) -> None:
    agent = await client.agent()
    await rest.connect(agent)
    staying = rest.id
    await rest.connect(agent)
    waiting = asyncio.create_task(rest("TakeLeases", wait_seconds=2))
    await eventually(lambda: application.use_cases.worker_hub._claim_loops)
    await rest("RemoveWorker")
    task = await client.task(agent)
    assert not (await waiting).data
    rest.id = staying
    (lease,) = (await rest("TakeLeases", wait_seconds=5)).data
    assert (lease.task_id, lease.attempt) == (task.id, 1)


async def test_who_begins_over_rest_counts_in_the_quotas_and_who_comes_back_does_not(settings) -> None:
    limited = settings.model_copy(update={"apis": {"": ApiSettings(requests_per_minute=3)}})
    application = Application(limited)
    port = (await application.start(["127.0.0.1:0"]))[0]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        tenant = await make_tenant(application.database)
        rest, agent = Rest(channel, tenant), await Client(channel, tenant).agent()
        for left in (998, 997, 996):
            rest.id = ""
            call = rest._stub.ConnectWorker(operations.ConnectWorkerRequest(agent_id=agent.id), metadata=rest._metadata)
            rest.id = (await call).data.id
            assert dict(await call.trailing_metadata())["x-ratelimit-remaining"] == str(left)
        for _ in range(5):
            await rest("ConnectWorker", agent_id=agent.id)
            await rest("Heartbeat")
        rest.id = ""
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await rest("ConnectWorker", agent_id=agent.id)
        assert refused.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "3 requests a minute" in refused.value.details()
        assert int(dict(refused.value.trailing_metadata())["retry-after"]) > 0
    await application.stop()


async def test_an_agent_has_so_many_workers_and_no_more_whichever_way_they_come(settings) -> None:
    application = Application(settings.model_copy(update={"workers_per_agent": 2}))
    port = (await application.start(["127.0.0.1:0"]))[0]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        tenant = await make_tenant(application.database)
        client, rest = Client(channel, tenant), Rest(channel, tenant)
        agent = await client.agent()
        await rest.connect(agent)
        async with Raw(client, agent) as worker:
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await Raw(client, agent).__aenter__()
            assert refused.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
            assert await Rest(channel, tenant).code("ConnectWorker", agent_id=agent.id) == refused.value.code()
            await rest("ConnectWorker", agent_id=agent.id)
            async with Raw(client, agent, worker_id=worker.welcome.worker_id):
                pass
        await rest("RemoveWorker")
        async with Raw(client, agent):
            assert await rest.code("ConnectWorker", agent_id=agent.id) == grpc.StatusCode.RESOURCE_EXHAUSTED
    await application.stop()


async def test_a_server_forgets_workers_that_have_been_gone_for_a_day(
    application: Application, client: Client, rest: Rest
) -> None:
    agent = await client.agent()
    for _ in range(2):
        await rest.connect(agent)
        await rest("RemoveWorker")
    listed = Rest(client.channel, client.tenant)
    await pass_time_in(application, 25 * 3600)
    assert (await listed("ListWorkers")).pagination.total == 2
    application.retention._trimmed -= TRIM_SECONDS
    await application.dispatcher.sweep()
    shown = await listed("ListWorkers")
    assert shown.pagination.total == 1 and [each.id for each in shown.data] == [rest.id]


async def test_the_library_begins_anew_where_its_worker_is_forgotten(client: Client, application: Application) -> None:
    agent = await client.agent()
    worker = Worker(f"127.0.0.1:{application.port}", key=client.tenant.key, agent_id=agent.id)
    worker.worker_id = known = f"worker_{new_id()}"
    working = asyncio.create_task(worker.work())
    await eventually(lambda: worker.worker_id not in ("", known))
    worker.drain()
    await asyncio.wait_for(working, 5)
    lost = Worker(f"127.0.0.1:{application.port}", key=client.tenant.key, agent_id=f"agent_{new_id()}")
    with pytest.raises(grpc.aio.AioRpcError):
        await lost.work()


async def test_workers_are_listed_in_pages(client: Client, rest: Rest) -> None:
    agent = await client.agent()
    for _ in range(3):
        await rest.connect(agent)
    rest.id = ""
    answer = await rest("ListWorkers", agent_id=agent.id, limit=2, page=2)
    assert len(answer.data) == 1
    shown = answer.pagination
    assert (shown.page, shown.limit, shown.total, shown.pages) == (2, 2, 3, 2)
    assert (await rest("ListWorkers")).pagination.limit == 20


async def test_a_worker_gives_up_a_server_that_takes_connections_and_answers_nothing(
    application: Application, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_library, "WELCOME_SECONDS", 0.2)
    begin, asked = WorkerConnection.begin, []

    async def silent(*arguments, **more):
        asked.append(arguments)
        if len(asked) == 1:
            await asyncio.sleep(60)
        return await begin(*arguments, **more)

    monkeypatch.setattr(WorkerConnection, "begin", silent)
    agent = await client.agent()
    worker = Worker(f"127.0.0.1:{application.port}", key=client.tenant.key, agent_id=agent.id, channel=client.channel)
    working = asyncio.create_task(worker.work())
    await eventually(lambda: worker.worker_id)
    worker.drain()
    await working
