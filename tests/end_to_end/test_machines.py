"""Several servers on one PostgreSQL behind one gateway, each started by hand as on a machine of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2 as httpx
import pytest

from tests.support.ports import free_port
from tests.support.stack import ORCHESTRATOR, Stack, events_of

SECRET = "a secret that all of these machines share"


class Machines:
    """Two servers with data folders of their own, and a gateway."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self.folder = folder
        self.environment = {
            **os.environ,
            "DATABASE_URL": database_url,
            "DATABASE_CONNECTIONS": "8",
            "ENVIRONMENT": "production",
            "API_SECRET_KEY": SECRET,
            "HEARTBEAT_SECONDS": "0.5",
            "LEASE_SECONDS": "2",
            "REQUESTS_PER_HOUR": "100000",
            "SHUTDOWN_SECONDS": "3",
        }
        self.ports = [(free_port(), free_port()) for _ in range(2)]
        self.port, self.operations_port = free_port(), free_port()
        self.servers = [self.start_server(index) for index in range(2)]
        places = [f"127.0.0.1:{grpc}:{sockets}" for grpc, sockets in self.ports]
        arguments = [argument for place in places for argument in ("--server", place)]
        arguments += ["--orchestra-port", str(self.port), "--operations-port", str(self.operations_port)]
        self.gateway = self.run("gateway", *arguments, data=0)
        self.url = f"http://127.0.0.1:{self.port}"

    def run(self, command: str, *arguments: str, data: int) -> subprocess.Popen[bytes]:
        environment = {**self.environment, "DATA_DIR": str(self.folder / f"machine-{data}")}
        log = (self.folder / "log").open("ab")
        return subprocess.Popen([ORCHESTRATOR, command, *arguments], env=environment, stdout=log, stderr=log)

    def start_server(self, index: int) -> subprocess.Popen[bytes]:
        grpc, sockets = self.ports[index]
        return self.run("server", "--grpc-port", str(grpc), "--socket-port", str(sockets), data=index)

    def wait(self, client: httpx.Client) -> None:
        deadline = time.monotonic() + 30
        while True:
            try:
                if client.get("/v1/sessions").status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            assert time.monotonic() < deadline, (self.folder / "log").read_text()[-3000:]
            time.sleep(0.05)

    def stop(self) -> None:
        for process in (*self.servers, self.gateway):
            process.send_signal(signal.SIGTERM)
        for process in (*self.servers, self.gateway):
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


@pytest.fixture
def machines(postgres_url: str, tmp_path: Path) -> Iterator[Machines]:
    running = Machines(tmp_path, postgres_url)
    yield running
    running.stop()


@pytest.mark.timeout(120)
def test_servers_on_several_machines_work_as_one(machines: Machines, tmp_path: Path, postgres_url: str) -> None:
    key = Stack(tmp_path / "machine-0", DATABASE_URL=postgres_url).tenant()
    headers = {"authorization": f"Bearer {key}"}
    seen: list[dict] = []
    with httpx.Client(base_url=machines.url, headers=headers, timeout=30) as client:
        machines.wait(client)

        def watch() -> None:
            """Follows the feed, and goes on from its cursor on another machine when its own has died."""
            cursor = "0"
            with httpx.Client(base_url=machines.url, headers=headers, timeout=60) as own:
                while not over.is_set():
                    with (
                        contextlib.suppress(httpx.HTTPError),
                        own.stream("GET", "/v1/events", headers={"Last-Event-ID": cursor}) as stream,
                    ):
                        for event in events_of(stream.iter_lines()):
                            if "id" in event:
                                cursor = event["id"]
                                seen.append(event)
                    over.wait(0.1)

        over = threading.Event()
        threading.Thread(target=watch, daemon=True).start()
        code = "import time\ndef work(n):\n    time.sleep(0.05)\n    return n + 1\n"
        agent = client.post("/v1/agents", json={"name": "w", "code": code}).json()["id"]
        made = [
            client.post(f"/v1/agents/{agent}/execute", json={"input_data": {"n": n}, "wait": False}).json()["id"]
            for n in range(40)
        ]
        # One machine dies in the middle, and comes back.
        machines.servers[1].kill()
        machines.servers[1].wait()
        machines.servers[1] = machines.start_server(1)
        deadline = time.monotonic() + 60
        for n, execution in enumerate(made):
            while True:
                answer = client.get(f"/v1/executions/{execution}")
                if answer.status_code == 200 and answer.json()["status"] == "completed":
                    assert answer.json()["output"] == n + 1
                    break
                assert time.monotonic() < deadline and answer.status_code in (200, 503), answer.text
                time.sleep(0.05)
        while (
            len(
                completed := {each["data"]["data"].get("id") for each in seen if each["event"] == "execution.completed"}
            )
            < 40
        ):
            assert time.monotonic() < deadline, completed
            time.sleep(0.05)
        over.set()
    assert completed == set(made)
    numbers = [int(event["id"]) for event in seen]
    assert numbers == sorted(set(numbers))


def test_a_gateway_says_what_a_servers_address_must_be() -> None:
    wrong = subprocess.run([ORCHESTRATOR, "gateway", "--server", "somewhere"], capture_output=True, text=True)
    assert wrong.returncode == 2 and "HOST:GRPC_PORT:SOCKET_PORT" in wrong.stderr
