"""kill -9 in the middle of work: nothing is lost, nothing ends twice, no event is missing or doubled."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Iterator

import httpx2 as httpx
import pytest

from tests.support.stack import Stack, events_of

FEW, MANY = 30, 100
CODE = "import time\ndef work(n):\n    time.sleep(0.02)\n    return n * n\n"
ENDS = {"completed", "failed", "cancelled"}


class Follower(threading.Thread):
    """Follows the feed through every interruption, always from the last number it has seen."""

    def __init__(self, stack: Stack, key: str) -> None:
        super().__init__(daemon=True)
        self.stack, self.key = stack, key
        self.events: list[dict] = []
        self.connections = 0
        self.done = threading.Event()

    def run(self) -> None:
        while not self.done.is_set():
            last = self.events[-1]["id"] if self.events else "0"
            try:
                with self.stack.client(self.key) as client:
                    with client.stream("GET", "/v1/events", headers={"Last-Event-ID": last}, timeout=5) as stream:
                        if stream.status_code != 200:
                            time.sleep(0.05)
                            continue
                        self.connections += 1
                        for event in events_of(stream.iter_lines()):
                            if "id" in event:
                                self.events.append(event)
                            if self.done.is_set():
                                return
            except httpx.HTTPError:
                time.sleep(0.05)


@pytest.fixture(
    scope="module",
    params=[pytest.param(kind, marks=pytest.mark.xdist_group(f"kill {kind}")) for kind in ("sqlite", "postgresql")],
)
def kept(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    environment = {"LEASE_SECONDS": "2", "REQUESTS_PER_HOUR": "1000000", "SHUTDOWN_SECONDS": "5", "MAX_ATTEMPTS": "20"}
    environment["HEARTBEAT_SECONDS"] = "0.5"
    if request.param == "postgresql":
        environment["DATABASE_URL"] = request.getfixturevalue("postgres_url")
    workers = "2" if request.param == "postgresql" else "1"
    running = Stack(tmp_path_factory.mktemp("kill") / "data", "--workers", workers, **environment)
    yield running
    running.stop()


@pytest.fixture
def stack(kept: Stack) -> Stack:
    """One for all tests of a database, started where the one before has ended it."""
    return kept if kept.process is not None and kept.process.poll() is None else kept.start()


def patiently(call, seconds: float = 20):
    """The answer of a call that may meet a server that is just dead, repeated like a client would."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            answer = call()
            if answer.status_code < 500:
                return answer
        except httpx.HTTPError:
            pass
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("count", [FEW, pytest.param(MANY, marks=pytest.mark.slow)], ids=["a few", "many"])
def test_executions_survive_kill_9_of_the_server(stack: Stack, count: int) -> None:
    seed = int(os.environ.get("FAULT_SEED", "0")) or random.randrange(1 << 30)
    chance = random.Random(seed)
    key = stack.tenant()
    follower = Follower(stack, key)
    with stack.client(key) as client:
        agent = client.post("/v1/agents", json={"name": "w", "code": CODE}).json()["id"]
        follower.start()
        made = []
        for n in range(count):
            body = {"input_data": {"n": n}, "wait": False}
            headers = {"Idempotency-Key": f"execution-{n}"}
            answer = patiently(lambda: client.post(f"/v1/agents/{agent}/execute", json=body, headers=headers))
            assert answer.status_code == 202, answer.text
            made.append(answer.json()["id"])
            if n in (count * 4 // 10, count * 7 // 10):
                stack.server().send_signal(signal.SIGKILL)
        kills = 2
        for _ in range(2):
            time.sleep(chance.uniform(0.1, 0.6))
            stack.server().send_signal(signal.SIGKILL)
            kills += 1
            patiently(lambda: client.get("/v1/sessions"))
        deadline = time.monotonic() + 90
        waiting = set(made)
        results = {}
        while waiting:
            assert time.monotonic() < deadline, f"seed {seed}: {len(waiting)} never ended"
            for execution in list(waiting):
                got = patiently(lambda: client.get(f"/v1/executions/{execution}")).json()
                if got["status"] in ENDS:
                    results[execution] = got
                    waiting.discard(execution)
            time.sleep(0.05)
        assert len(set(made)) == count
        assert patiently(lambda: client.get("/v1/executions?limit=1")).json()["total"] == count
        # Whatever came before this one has been heard when this one is.
        last = patiently(lambda: client.post("/v1/sessions", json={"name": "the end"})).json()["id"]
    for n, execution in enumerate(made):
        assert results[execution]["status"] == "completed" and results[execution]["output"] == n * n, results[execution]

    while not any(
        event["event"] == "session.created" and event["data"]["data"]["id"] == last for event in follower.events
    ):
        assert time.monotonic() < deadline, f"seed {seed}: the follower is late"
        time.sleep(0.05)
    follower.done.set()
    numbers = [int(event["id"]) for event in follower.events]
    assert numbers == list(range(1, len(numbers) + 1)), "an event is missing, doubled or out of order"
    stories = defaultdict(list)
    for event in follower.events:
        if event["event"].startswith("execution."):
            stories[event["data"]["data"]["id"]].append(event["event"].removeprefix("execution."))
    assert set(stories) == set(made)
    released = 0
    for story in stories.values():
        assert story[0] == "created" and story[-1] == "completed" and sum(word in ENDS for word in story) == 1, story
        claims = story[1:-1]
        assert claims[0::2] == ["started"] * len(claims[0::2]), story
        assert claims[1::2] == ["released"] * len(claims[1::2]), story
        released += len(claims) // 2
    print(
        f"\nseed {seed}: {count} executions ended once each through {kills} kills; "
        f"{released} leases were lost and done again; {len(numbers)} events over {follower.connections} connections"
    )


@pytest.mark.timeout(120)
def test_everything_can_be_killed_and_started_again(stack: Stack) -> None:
    key = stack.tenant()
    with stack.client(key) as client:
        agent = client.post("/v1/agents", json={"name": "w", "code": CODE}).json()["id"]
        session = client.post("/v1/sessions", json={"name": "s"}).json()["id"]
        body = {"input_data": {"n": 3}, "wait": False, "session_id": session}
        made = [client.post(f"/v1/agents/{agent}/execute", json=body).json()["id"] for _ in range(20)]
    children = stack.children()
    assert len(children) >= 2
    stack.stop(signal.SIGKILL)
    deadline = time.monotonic() + 45
    while any(child.is_running() and child.status() != "zombie" for child in children):
        assert time.monotonic() < deadline, "a child outlived its parent"
        time.sleep(0.05)
    stack.start()
    with stack.client(key) as client:
        while any(client.get(f"/v1/executions/{execution}").json()["status"] != "completed" for execution in made):
            assert time.monotonic() < deadline + 40
            time.sleep(0.1)
        assert client.get(f"/v1/sessions/{session}").json()["iterations"] == 20


@pytest.mark.timeout(90)
def test_sigterm_finishes_what_runs_and_leaves_no_process(stack: Stack) -> None:
    key = stack.tenant()
    with stack.client(key) as client:
        slow = {"name": "s", "code": "import time\ndef f():\n    time.sleep(1)\n    return 'finished'"}
        agent = client.post("/v1/agents", json=slow).json()["id"]
        answers = []
        caller = threading.Thread(target=lambda: answers.append(client.post(f"/v1/agents/{agent}/execute", json={})))
        caller.start()
        deadline = time.monotonic() + 10
        while not client.get("/v1/executions?status=running").json()["total"]:
            assert time.monotonic() < deadline
        children = stack.children()
        assert stack.stop() == 0
        caller.join()
    assert answers[0].status_code == 200 and answers[0].json()["output"] == "finished"
    assert not [child for child in children if child.is_running() and child.status() != "zombie"]
