"""kill -9 in the middle of deliveries: every event arrives, and none twice but those that were under way."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx2 as httpx
import psutil
import pytest

from tests.support.stack import Stack
from tests.support.waiting import until

# Sessions, each with two events, and how often a server is killed meanwhile.
FEW, MANY = (30, 2), (400, 6)
# Attempts of one webhook that a server process has under way at a time, at most.
UNDER_WAY = 16


class SlowReceiver:
    """Takes its time for each answer, so that there is always something under way."""

    def __init__(self) -> None:
        self.received: list[tuple[str, str]] = []
        received = self.received

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                received.append((self.headers["webhook-id"], self.headers["x-orchestrator-event"]))
                time.sleep(0.03)
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 100

            def handle_error(self, *_: object) -> None:
                """Whoever is killed does not wait for answers."""

        self.server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def stack(request: pytest.FixtureRequest, tmp_path) -> Iterator[Stack]:
    environment = {"REQUESTS_PER_HOUR": "1000000", "OPEN_SESSIONS": "100000", "SHUTDOWN_SECONDS": "5"}
    environment |= {"WEBHOOK_ALLOW_PRIVATE": "1", "WEBHOOK_TIMEOUT_SECONDS": "0.5", "SANDBOX_PREWARMED": "0"}
    if request.param == "postgresql":
        environment["DATABASE_URL"] = request.getfixturevalue("postgres_url")
    workers = "2" if request.param == "postgresql" else "1"
    running = Stack(tmp_path / "data", "--workers", workers, **environment).start()
    yield running
    running.stop()


@pytest.mark.timeout(240)
@pytest.mark.parametrize("size", [FEW, pytest.param(MANY, marks=pytest.mark.slow)], ids=["a few", "many"])
def test_no_delivery_is_lost_and_those_under_way_come_again_under_the_same_id(
    stack: Stack, size: tuple[int, int]
) -> None:
    count, kills = size
    seed = int(os.environ.get("FAULT_SEED", "0")) or random.randrange(1 << 30)
    chance = random.Random(seed)
    receiver, made = SlowReceiver(), []
    key = stack.tenant()
    with stack.client(key) as client:
        webhook = client.post("/v1/webhooks", json={"url": receiver.url, "events": ["session.*"]}).json()["id"]
        done = threading.Event()

        def kill() -> None:
            for part in range(kills):
                # Somewhere in the middle: when so much has arrived, and a little later.
                until(lambda: done.is_set() or len(receiver.received) >= (part + 1) * count // (kills + 1), 60)
                time.sleep(chance.uniform(0, 0.05))
                # The one before may not have begun again.
                until(lambda: killed(stack), 60)

        killer = threading.Thread(target=kill)
        killer.start()
        for n in range(count):
            made.append(patiently(client, "POST", "/v1/sessions", f"s{n}", json={"name": str(n)})["id"])
            patiently(client, "POST", f"/v1/sessions/{made[-1]}/complete", f"c{n}")
        killer.join()
        total = 2 * count
        path = f"/v1/webhooks/{webhook}/deliveries?status=delivered&limit=1"
        until(lambda: patiently(client, "GET", path, "")["total"] == total, 60)
        listed = [
            each
            for offset in range(0, total, 100)
            for each in patiently(client, "GET", f"/v1/webhooks/{webhook}/deliveries?limit=100&offset={offset}", "")["deliveries"]
        ]
    times = defaultdict(list)
    for place, (id, _) in enumerate(receiver.received):
        times[id].append(place)
    assert set(times) == {each["id"] for each in listed} and len(listed) == 2 * count, f"seed {seed}"
    assert len({each["event_id"] for each in listed}) == 2 * count, f"seed {seed}"
    again = sum(len(places) - 1 for places in times.values())
    assert again <= kills * UNDER_WAY, f"seed {seed}"
    print(f"\nseed {seed}: {2 * count} deliveries through {kills} kills; {again} came again")


def killed(stack: Stack) -> bool:
    """Kills the server, if there is one."""
    try:
        stack.server().send_signal(signal.SIGKILL)
    except (StopIteration, psutil.Error):
        return False
    return True


def patiently(client: httpx.Client, method: str, path: str, key: str, **given) -> dict:
    """The answer of a server that may just be dead, asked again as a client would."""
    headers = {"Idempotency-Key": key} if key else {}
    answers = []

    def asked() -> bool:
        try:
            answer = client.request(method, path, headers=headers, timeout=10, **given)
        except httpx.HTTPError:
            return False
        answers.append(answer)
        return answer.status_code < 500

    until(asked, 40)
    assert answers[-1].status_code < 400, answers[-1].text
    return answers[-1].json()
