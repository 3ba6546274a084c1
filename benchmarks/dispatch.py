"""Dispatch: how soon a worker gets a task, and how many tasks a second are created, leased and completed."""

from __future__ import annotations

import asyncio
import tempfile
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median

import grpc
from google.protobuf.struct_pb2 import Value
from orchestrator.v1 import agent_service_pb2, agent_service_pb2_grpc, task_service_pb2, task_service_pb2_grpc
from orchestrator.v1.worker_pb2 import Complete, Heartbeat, Hello, LeaseRef, WorkRequest, WorkResponse
from orchestrator.v1.worker_service_pb2_grpc import WorkerServiceStub

from benchmarks import celery_peer
from benchmarks.load import Failed
from benchmarks.postgres import new_database
from benchmarks.report import ms, percentile, table
from benchmarks.scale import Scale
from benchmarks.servers import HOST, Server, orchestrator

TITLE = "Dispatch"
BATCH = 100
CREATORS = 2
WORKERS = 4
CAPACITY = 200
PAUSE_SECONDS = 0.01
PATIENCE_SECONDS = 60.0


async def run(scale: Scale) -> str:
    """The tables."""
    idle, warm, many, rounds = scale.of((500, 20, 10_000, 3), (100, 20, 2_000, 1), (3, 1, 200, 1))
    latency, throughput = [], []
    peer: celery_peer.Peer | None = None
    problem = celery_peer.problem()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if problem is None:
            peer = celery_peer.Peer(folder / "celery.log")
            await peer.start()
        else:
            print(problem)
        try:
            for name, workers, open_database in scale.of(SETUPS, SETUPS, SETUPS[:1]):
                async with open_database() as url:
                    if url is None:
                        continue
                    title = f"{name}, {workers} server process{'es' if workers > 1 else ''}"
                    flags = ["--workers", str(workers)]
                    async with orchestrator(folder / f"{name}-{workers}", *flags, DATABASE_URL=url) as server:
                        latency.append([title, *await _latency(server, idle, warm)])
                        rates = await _rates(server, peer, many, rounds)
                        throughput.append([title, *rates])
        finally:
            if peer is not None:
                await peer.stop()
    first = table(["create → lease, idle", "tasks", "p50", "p99", "longest"], latency)
    second = table(["create, lease, complete", "ours, tasks/s", "Celery, tasks/s", "ours ÷ Celery"], throughput)
    return f"{first}\n\n{second}"


@asynccontextmanager
async def _no_database() -> AsyncIterator[str | None]:
    """SQLite in the data folder."""
    yield ""


SETUPS = (("SQLite", 1, _no_database), ("PostgreSQL", 1, new_database), ("PostgreSQL", 2, new_database))


class Client:
    """A channel with a key, and an agent to give work to."""

    def __init__(self, server: Server) -> None:
        # A connection of its own: channels to the same address otherwise share one.
        self.channel = grpc.aio.insecure_channel(f"{HOST}:{server.grpc_port}", [("grpc.use_local_subchannel_pool", 1)])
        self.metadata = (("authorization", f"Bearer {server.key}"),)
        self.tasks = task_service_pb2_grpc.TaskServiceStub(self.channel)

    async def agent(self) -> str:
        """The id of a new agent."""
        stub = agent_service_pb2_grpc.AgentServiceStub(self.channel)
        request = agent_service_pb2.RegisterAgentRequest(
            name="benchmark", type=f"benchmark-{uuid.uuid4().hex}", max_concurrent_tasks=10_000
        )
        agent = await stub.RegisterAgent(request, metadata=self.metadata)
        return str(agent.id)

    async def create(self, agent_id: str, count: int) -> None:
        """Creates tasks, in one batch."""
        value = Value()
        value.struct_value.fields["n"].number_value = 1
        task = task_service_pb2.CreateTaskRequest(agent_id=agent_id, input=value)
        if count == 1:
            await self.tasks.CreateTask(task, metadata=self.metadata)
        else:
            request = task_service_pb2.BatchCreateTasksRequest(tasks=[task] * count)
            await self.tasks.BatchCreateTasks(request, metadata=self.metadata)


class Hands:
    """A worker that completes whatever it gets, at once."""

    def __init__(self, server: Server, agent_id: str) -> None:
        self._client = Client(server)
        self._agent_id = agent_id
        self.leased: set[tuple[str, int]] = set()
        self.accepted = 0
        self.received = asyncio.Event()
        # Two writes to a stream must not overlap.
        self._writing = asyncio.Lock()

    async def connect(self) -> None:
        """Says hello, and waits for the welcome."""
        self._stream = WorkerServiceStub(self._client.channel).Work(metadata=self._client.metadata)
        await self._stream.write(WorkRequest(hello=Hello(agent_id=self._agent_id, capacity=CAPACITY)))
        answer = await self._stream.read()
        if answer.WhichOneof("message") != "welcome":
            raise Failed(f"a worker was not welcome: {answer}")
        self._beating = asyncio.create_task(self._beat(answer.welcome.heartbeat_interval_seconds))
        self._working = asyncio.create_task(self._work())

    async def close(self) -> None:
        """Goes away."""
        for task in (self._beating, self._working):
            task.cancel()
        await asyncio.gather(self._beating, self._working, return_exceptions=True)
        self._stream.cancel()
        await self._client.channel.close()

    async def _beat(self, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            await self._write(WorkRequest(heartbeat=Heartbeat()))

    async def _write(self, request: WorkRequest) -> None:
        async with self._writing:
            await self._stream.write(request)

    async def _work(self) -> None:
        output = Value(string_value="done")
        while True:
            answer: WorkResponse = await self._stream.read()
            kind = answer.WhichOneof("message")
            if kind == "leases":
                self.received.set()
                for lease in answer.leases.leases:
                    self.leased.add((lease.task_id, lease.attempt))
                    ref = LeaseRef(task_id=lease.task_id, attempt=lease.attempt)
                    await self._write(WorkRequest(complete=Complete(lease=ref, output=output)))
            elif kind == "accepted":
                self.accepted += len(answer.accepted.leases)
            elif kind != "alive":
                raise Failed(f"a worker got {answer}")

    def check(self) -> None:
        """Raises what ended its work."""
        if self._working.done():
            self._working.result()


async def _latency(server: Server, count: int, warm: int) -> list[str]:
    """Creates tasks one by one, each when the one before is done and a moment has passed."""
    client = Client(server)
    agent_id = await client.agent()
    hands = Hands(server, agent_id)
    await hands.connect()
    late = []
    try:
        for _ in range(warm + count):
            hands.received.clear()
            began = time.perf_counter()
            creating = asyncio.create_task(client.create(agent_id, 1))
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    await hands.received.wait()
            except TimeoutError:
                hands.check()
                raise
            late.append((time.perf_counter() - began) * 1000)
            await creating
            await asyncio.sleep(PAUSE_SECONDS)
    finally:
        await hands.close()
        await client.channel.close()
    # The first ones open connections and prepare statements.
    ordered = sorted(late[warm:])
    return [f"{len(ordered)}", ms(percentile(ordered, 50)), ms(percentile(ordered, 99)), ms(ordered[-1])]


async def _rates(server: Server, peer: celery_peer.Peer | None, count: int, rounds: int) -> list[str]:
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(count / await _throughput(server, count))
        if peer is not None:
            theirs.append(count / await asyncio.to_thread(peer.measure, count))
    if not theirs:
        return [f"{median(ours):,.0f}", "–", "–"]
    return [f"{median(ours):,.0f}", f"{median(theirs):,.0f}", f"{median(ours) / median(theirs):.1f}"]


async def _throughput(server: Server, count: int) -> float:
    """Seconds from the first create to the last accepted result."""
    clients = [Client(server) for _ in range(CREATORS)]
    agent_id = await clients[0].agent()
    workers = [Hands(server, agent_id) for _ in range(WORKERS)]
    for worker in workers:
        await worker.connect()
    batches = iter(range(count // BATCH))
    began = time.perf_counter()

    async def create(client: Client) -> None:
        for _ in batches:
            await client.create(agent_id, BATCH)

    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await asyncio.gather(*(create(client) for client in clients))
            while sum(worker.accepted for worker in workers) < count:
                for worker in workers:
                    worker.check()
                await asyncio.sleep(0.002)
        seconds = time.perf_counter() - began
    finally:
        for worker in workers:
            await worker.close()
        for client in clients:
            await client.channel.close()
    leased = [lease for worker in workers for lease in worker.leased]
    if len(leased) != count or {attempt for _, attempt in leased} != {1}:
        raise Failed(f"{count} tasks were leased {len(leased)} times")
    return seconds
