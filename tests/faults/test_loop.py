"""Random faults while tasks and workflow runs are done: nothing is lost, nothing done twice, nobody else kept waiting."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from orchestrator.v1 import (
    agent_service_pb2,
    agent_service_pb2_grpc,
    event_service_pb2,
    event_service_pb2_grpc,
    task_service_pb2,
    task_service_pb2_grpc,
    workflow_pb2,
    workflow_service_pb2,
    workflow_service_pb2_grpc,
)
from orchestrator.v1.task_pb2 import TASK_STATUS_RUNNING

from server.worker.values import to_value
from tests.support.proxy import Proxy
from tests.support.stack import Stack

# So many faults, each with a batch of tasks and a workflow run: a few by default, many in the slow tests.
FEW = 6
MANY = int(os.environ.get("FAULTS", "50"))
# How long it is to the next fault: in the few hardly long enough to notice the last one, in the many also long enough to
# recover from it. Connections fall silent again only when it can have been noticed that they did, which takes seconds.
SOON, LATER = (0.05, 0.8), (0.1, 12.0)
SILENCES_APART = 10.0
# For how long after a fault somebody may have to wait: a server starts again, a thousand streams come back to it, or
# statements are given up that nobody answers any more.
RECOVERY_SECONDS = 5.0
BATCH = 40
LEASE_SECONDS = 2.0
WORKERS = 3
STEPS = [("read", 1), ("left", 2), ("right", 2), ("write", 3)]
ENDS = {"completed", "failed", "cancelled"}
HANDS = Path(__file__).parent.parent / "support" / "hands.py"
BYSTANDERS = HANDS.with_name("bystanders.py")
# Streams that others have open meanwhile, and within which time nearly all their gets are answered.
FEW_STREAMS, MANY_STREAMS, P99_MS = 20, 1000, 100
SERVER_DOWN = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.UNKNOWN)


class Api:
    """Stubs that try again while a server is down, with a new channel each time."""

    def __init__(self, stack: Stack, key: str) -> None:
        self.address = f"127.0.0.1:{stack.grpc_port}"
        self.key = key
        self.open()

    def open(self) -> None:
        self.channel = grpc.insecure_channel(self.address, [("grpc.use_local_subchannel_pool", 1)])
        self.agents = agent_service_pb2_grpc.AgentServiceStub(self.channel)
        self.tasks = task_service_pb2_grpc.TaskServiceStub(self.channel)
        self.workflows = workflow_service_pb2_grpc.WorkflowServiceStub(self.channel)
        self.events = event_service_pb2_grpc.EventServiceStub(self.channel)

    def __call__(self, call: Callable[[Api], Callable[..., Any]], request: Any, once: str = "") -> Any:
        metadata = [("authorization", f"Bearer {self.key}"), *([("idempotency-key", once)] if once else [])]
        deadline = time.monotonic() + 30
        while True:
            try:
                return call(self)(request, metadata=metadata, timeout=10)
            except grpc.RpcError as error:
                if error.code() not in SERVER_DOWN or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
                self.channel.close()
                self.open()


class Follower(threading.Thread):
    """Follows the feed over gRPC through every interruption, always from the last number it has seen."""

    def __init__(self, stack: Stack, key: str) -> None:
        super().__init__(daemon=True)
        self.stack, self.key = stack, key
        self.events: list[Any] = []
        self.connections = 0
        self.done = threading.Event()

    def run(self) -> None:
        while not self.done.is_set():
            api = Api(self.stack, self.key)
            after = self.events[-1].number if self.events else 0
            request = event_service_pb2.WatchRequest(after=after)
            heard = False
            try:
                for event in api.events.Watch(request, metadata=[("authorization", f"Bearer {self.key}")]):
                    self.connections += not heard
                    heard = True
                    if event.type != "heartbeat":
                        self.events.append(event)
                    if self.done.is_set():
                        return
            except grpc.RpcError:
                time.sleep(0.05)
            finally:
                api.channel.close()


class Crew:
    """The workers, one process each, that are started again when they die."""

    def __init__(self, stack: Stack, key: str, agents: list[str], folder: Path) -> None:
        self.stack, self.key, self.folder = stack, key, folder
        self.agents = agents
        self.processes = [self.start(index) for index in range(len(agents))]

    def start(self, index: int) -> subprocess.Popen[bytes]:
        arguments = [sys.executable, str(HANDS), f"127.0.0.1:{self.stack.grpc_port}", self.agents[index]]
        arguments.append(str(self.folder / f"ledger-{index}"))
        log = (self.folder / "hands.log").open("ab")
        environment = {**os.environ, "ORCHESTRATOR_KEY": self.key, "PYTHONHASHSEED": "0"}
        return subprocess.Popen(arguments, env=environment, stdout=log, stderr=log, cwd=HANDS.parent.parent.parent)

    def kill(self, index: int) -> None:
        self.processes[index].kill()
        self.processes[index].wait()
        self.processes[index] = self.start(index)

    def stop(self) -> None:
        for process in self.processes:
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()

    def begun(self) -> Counter[str]:
        lines = [line for path in self.folder.glob("ledger-*") for line in path.read_text().splitlines()]
        return Counter(line for line in lines if line.startswith("task_") and " " in line)


class Silencer(threading.Thread):
    """A proxy before PostgreSQL in a thread of its own, which silences the connections that are open."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.proxy = Proxy(url)
        self.silenced = -SILENCES_APART
        self.loop = asyncio.new_event_loop()
        self.loop.run_until_complete(self.proxy.open())
        self.start()

    def run(self) -> None:
        self.loop.run_forever()

    def silence(self) -> None:
        self.silenced = time.monotonic()
        self.loop.call_soon_threadsafe(self.proxy.silence)

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self.proxy.close(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.join(10)
        self.loop.close()


class Others:
    """Those who use the server meanwhile, in a process of their own."""

    def __init__(self, stack: Stack, streams: int) -> None:
        ports = [str(port) for port in (stack.port, stack.operations_port, stack.grpc_port)]
        command = [sys.executable, str(BYSTANDERS), *ports, stack.tenant(), str(streams)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.process = subprocess.Popen(command, text=True, cwd=HANDS.parent.parent.parent, **pipes)

    def seen(self, faults: list[float]) -> dict[str, Any]:
        """What they have seen, with how long gets took in all and where no fault was just before; they end."""
        said, _ = self.process.communicate(timeout=60)
        seen = json.loads(said)
        took = seen.pop("took")
        calm = [each for each in took if not any(0 <= each[0] - fault < RECOVERY_SECONDS for fault in faults)]
        return {**seen, "took": _percentiles(took), "calm": _percentiles(calm)}


def _percentiles(took: list[tuple[float, float]]) -> dict[str, float]:
    """Of how many gets, and in milliseconds."""
    seconds = sorted(each[1] for each in took)
    shares = {"p50": 0.5, "p99": 0.99}
    found = {name: round(seconds[int(len(seconds) * share)] * 1000, 1) for name, share in shares.items() if seconds}
    return {"gets": len(seconds), **found}


@pytest.fixture(params=["sqlite", "postgresql"])
def stack(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stack]:
    environment = {
        "LEASE_SECONDS": f"{LEASE_SECONDS:g}",
        "WORKER_SILENT_SECONDS": "4",
        "MAX_ATTEMPTS": "1000",
        "SHUTDOWN_SECONDS": "5",
        # A thousand streams that hear of it twice a second would be a load of another kind.
        "HEARTBEAT_SECONDS": "5",
    }
    silencer = None
    if request.param == "postgresql":
        silencer = Silencer(request.getfixturevalue("postgres_url"))
        environment |= {"DATABASE_URL": silencer.proxy.url, "DATABASE_TIMEOUT_SECONDS": "2"}
    workers = "2" if request.param == "postgresql" else "1"
    running = Stack(tmp_path / "data", "--workers", workers, "--no-quotas", **environment)
    running.silencer = silencer
    running.start()
    yield running
    running.stop()
    if silencer is not None:
        silencer.stop()


def _fault(chance: random.Random, stack: Stack, crew: Crew) -> str:
    kinds = ["kill server", "kill worker", "stop worker"]
    silencer = stack.silencer
    if silencer is not None and time.monotonic() - silencer.silenced > SILENCES_APART:
        kinds.append("silence")
    kind = chance.choice(kinds)
    if kind == "silence":
        silencer.silence()
    elif kind == "kill server":
        servers = stack.servers()
        if servers:
            chance.choice(servers).send_signal(signal.SIGKILL)
    elif kind == "kill worker":
        crew.kill(chance.randrange(len(crew.processes)))
    else:
        process = chance.choice(crew.processes)
        process.send_signal(signal.SIGSTOP)
        threading.Timer(LEASE_SECONDS + chance.uniform(0.2, 1.5), process.send_signal, [signal.SIGCONT]).start()
    return kind


@pytest.mark.timeout(300 + 15 * MANY)
@pytest.mark.parametrize("count", [FEW, pytest.param(MANY, marks=[pytest.mark.slow, pytest.mark.alone])], ids=["a few", "many"])
def test_faults_lose_nothing_and_repeat_nothing(stack: Stack, tmp_path: Path, count: int) -> None:
    seed = int(os.environ.get("FAULT_SEED", "0")) or random.randrange(1 << 30)
    print(f"\nseed {seed}", flush=True)
    chance = random.Random(seed)
    key = stack.tenant()
    api = Api(stack, key)
    register = agent_service_pb2.RegisterAgentRequest
    agents = [
        api(
            lambda a: a.agents.RegisterAgent,
            register(name=f"a{n}", type="hands", max_concurrent_tasks=15),
            f"agent {n}",
        ).id
        for n in range(2)
    ]
    crew = Crew(stack, key, [agents[n % 2] for n in range(WORKERS)], tmp_path)
    follower = Follower(stack, key)
    follower.start()
    others = Others(stack, MANY_STREAMS if count == MANY else FEW_STREAMS)
    faults: Counter[str] = Counter()
    times: list[float] = []
    try:
        workflow = api(
            lambda a: a.workflows.CreateWorkflow,
            workflow_service_pb2.CreateWorkflowRequest(
                name="w",
                steps=[workflow_pb2.WorkflowStep(id=name, agent_type="hands", order=order) for name, order in STEPS],
            ),
            "workflow",
        )
        tasks: list[str] = []
        runs: list[str] = []
        for n in range(count):
            new = [
                task_service_pb2.CreateTaskRequest(
                    # Half of them name an agent, the others find one.
                    agent_id=agents[i % 2] if i % 4 < 2 else "",
                    type="hands",
                    input=to_value({"n": n * BATCH + i}),
                    retry={"max_retries": 3, "initial_delay": 0.05},
                )
                for i in range(BATCH)
            ]
            request = task_service_pb2.BatchCreateTasksRequest(tasks=new)
            tasks += [task.id for task in api(lambda a: a.tasks.BatchCreateTasks, request, f"batch {n}").tasks]
            request = workflow_service_pb2.ExecuteWorkflowRequest(id=workflow.id)
            runs.append(api(lambda a: a.workflows.ExecuteWorkflow, request, f"run {n}").id)
            times.append(time.monotonic())
            faults[_fault(chance, stack, crew)] += 1
            # A fault comes at any moment of the work.
            time.sleep(chance.uniform(*(LATER if count == MANY else SOON)))

        wanted = len(tasks) + len(runs) * len(STEPS)
        ended = lambda: sum(e.type in {f"task.{end}" for end in ENDS} for e in list(follower.events))  # noqa: E731
        finished = lambda: sum(
            e.type.startswith("workflow_run.") and e.type.partition(".")[2] in ENDS for e in list(follower.events)
        )  # noqa: E501, E731
        deadline = time.monotonic() + 150
        while ended() < wanted or finished() < count:
            assert time.monotonic() < deadline, (
                f"seed {seed}: {ended()} of {wanted} tasks, {finished()} of {count} runs"
            )
            time.sleep(0.05)
        # Whatever came before this one has been heard when this one is.
        last = api(lambda a: a.agents.RegisterAgent, register(name="the end", type="nothing"), "the end").id
        while not any(event.type == "agent.created" and event.agent.id == last for event in list(follower.events)):
            assert time.monotonic() < deadline, f"seed {seed}: the follower is late"
            time.sleep(0.05)
        _check(api, follower, tasks, runs, agents, crew, f"seed {seed}, {dict(faults)}")
        seen = others.seen(times)
        print(f"others: {seen}")
        # While a server is down the gateway says so, and nothing else is wrong.
        assert set(seen["statuses"]) <= {"200", "503"}, f"seed {seed}: {seen}"
        assert seen["large"] and (seen["heartbeats"] or count == FEW), f"seed {seed}: {seen}"
        assert count == FEW or seen["calm"]["p99"] < P99_MS, f"seed {seed}: {seen}"
    finally:
        others.process.kill()
        follower.done.set()
        crew.stop()
        print((tmp_path / "hands.log").read_text()[-2000:])


def _check(
    api: Api, follower: Follower, tasks: list[str], runs: list[str], agents: list[str], crew: Crew, story: str
) -> None:
    events = list(follower.events)
    numbers = [event.number for event in events]
    assert numbers == list(range(1, len(numbers) + 1)), f"{story}: an event is missing, doubled or out of order"
    stories: dict[str, list[str]] = defaultdict(list)
    steps: dict[tuple[str, str], set[str]] = defaultdict(set)
    for event in events:
        if event.type.startswith("task."):
            stories[event.task.id].append(event.type.removeprefix("task."))
            if event.task.workflow_run_id:
                steps[event.task.workflow_run_id, event.task.step_id].add(event.task.id)
    assert len(set(tasks)) == len(runs) * BATCH and set(tasks) <= set(stories), story
    assert len(stories) == len(tasks) + len(runs) * len(STEPS), f"{story}: a task was made twice"
    for task, told in stories.items():
        assert told[0] == "created" and told[-1] == "completed", f"{story}: {task} {told}"
        assert sum(word in ENDS for word in told) == 1, f"{story}: {task} {told}"
        claims = [word for word in told if word in ("started", "released", "retrying")]
        assert claims[0::2] == ["started"] * len(claims[0::2]) and "started" not in claims[1::2], f"{story}: {told}"
    # Every step of every run was one task, and every run ended once.
    assert set(steps) == {(run, name) for run in runs for name, _ in STEPS}, story
    assert all(len(made) == 1 for made in steps.values()), story
    ends = Counter(e.workflow_run.id for e in events if e.type == "workflow_run.completed")
    assert ends == Counter(runs), story
    # No slot leaks: nothing runs, and the counts are those of the tasks.
    running = task_service_pb2.ListTasksRequest(status=TASK_STATUS_RUNNING)
    assert not api(lambda a: a.tasks.ListTasks, running).tasks, story
    counted = [api(lambda a: a.agents.GetAgent, agent_service_pb2.GetAgentRequest(id=agent)) for agent in agents]
    assert sum(agent.tasks_completed for agent in counted) == len(stories), story
    assert sum(agent.tasks_failed for agent in counted) == 0, story
    # No worker was given the same attempt twice.
    begun = crew.begun()
    assert max(begun.values()) == 1, f"{story}: {begun.most_common(3)}"
    attempts = sum(told.count("started") for told in stories.values())
    lost = sum(told.count("released") for told in stories.values())
    print(
        f"{story}: {len(stories)} tasks ended once each in {attempts} attempts, {lost} leases were lost and done again; "
        f"{len(runs)} runs; {len(numbers)} events over {follower.connections} connections"
    )
