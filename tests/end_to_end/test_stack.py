"""Starting, stopping and running several: what an operator does."""

from __future__ import annotations

import shutil
import base64
import hashlib
import subprocess
import time
import zipfile
from pathlib import Path

import grpc
import httpx2 as httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.end_to_end.stack import ORCHESTRATOR, Stack, events_of


def wheel(folder: Path, name: str, files: dict[str, str]) -> None:
    """A tiny wheel, as an index would serve it."""
    info = f"{name}-1.0.dist-info"
    files = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b'=').decode()},{len(text)}\n"
        for path, text in files.items()
    )
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as archive:
        for path, text in {**files, f"{info}/RECORD": record + f"{info}/RECORD,,\n"}.items():
            archive.writestr(path, text)


def test_it_is_ready_within_five_seconds(stack: Stack) -> None:
    print(f"ready after {stack.seconds_to_ready:.2f} s")
    # Machines that run tests are busy; the benchmark has the figure. This only catches a start that hangs.
    assert stack.seconds_to_ready < 15


def test_it_prints_where_it_is_and_with_which_key(stack: Stack) -> None:
    said = "".join(stack.output)
    assert f":{stack.port}/v1" in said and f":{stack.grpc_port}" in said and stack.key in said
    assert stack.output[-1].startswith("ready")


def test_a_second_one_in_the_same_folder_is_refused(stack: Stack) -> None:
    command = [ORCHESTRATOR, "up", "--data-dir", str(stack.data_dir)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1 and "another orchestrator runs in" in done.stderr


def test_a_port_that_somebody_else_has_is_named(stack: Stack, tmp_path: Path) -> None:
    command = [ORCHESTRATOR, "up", "--data-dir", str(tmp_path / "data"), "--orchestra-port", str(stack.port)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1 and f"port {stack.port} cannot be used" in done.stderr
    assert "--orchestra-port" in done.stderr


def test_the_operations_port_answers_in_the_documented_shape(stack: Stack) -> None:
    answer = httpx.get(f"http://127.0.0.1:{stack.operations_port}/v1/nothing")
    assert answer.status_code == 404 and answer.json()["error"]["code"] == "NOT_FOUND"


def test_an_agent_uses_the_packages_it_asked_for(tmp_path: Path) -> None:
    wheel(tmp_path / "wheels", "tiny_greeting", {"tiny_greeting.py": "def greet(name):\n    return f'hello {name}'\n"})
    stack = Stack(tmp_path / "data", UV_FIND_LINKS=str(tmp_path / "wheels"), UV_OFFLINE="1").start()
    try:
        with stack.client() as client:
            agent = {
                "name": "greeter",
                "code": "import tiny_greeting\ndef greet(name): return tiny_greeting.greet(name)",
                "requirements": ["Tiny.Greeting==1.0"],
            }
            deployed = client.post("/v1/agents", json=agent).json()
            assert deployed["status"] == "installing" and deployed["requirements"] == ["tiny-greeting==1.0"]
            done = client.post(f"/v1/agents/{deployed['id']}/execute", json={"input_data": {"name": "you"}}).json()
            assert done["output"] == "hello you", done
            assert client.get(f"/v1/agents/{deployed['id']}").json()["status"] == "active"
            with client.stream("GET", "/v1/events?after=0") as stream:
                events = events_of(stream.iter_lines())
                seen = [next(event for event in events if "id" in event)["event"] for _ in range(5)]
            assert sorted(seen) == [
                "agent.active", "agent.created", "execution.completed", "execution.created", "execution.started",
            ]  # fmt: skip
    finally:
        assert stack.stop() == 0


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_two_workers_work_as_one(tmp_path: Path, database: str, request: pytest.FixtureRequest) -> None:
    environment = {"REQUESTS_PER_HOUR": "100000"}
    if database == "postgresql":
        environment["DATABASE_URL"] = request.getfixturevalue("postgres_url")
    stack = Stack(tmp_path / "data", "--workers", "2", **environment).start()
    try:
        key = stack.tenant()
        with stack.client(key) as client:
            upper = {"name": "u", "code": "def f(x): return x.upper()"}
            agent = client.post("/v1/agents", json=upper).json()["id"]
            streams = [client.stream("GET", "/v1/events?after=0") for _ in range(4)]
            readers = [events_of(stream.__enter__().iter_lines()) for stream in streams]
            for n in range(20):
                done = client.post(f"/v1/agents/{agent}/execute", json={"input_data": {"x": f"n{n}"}}).json()
                assert done["output"] == f"N{n}"
            for reader in readers:
                numbers = [int(next(event for event in reader if "id" in event)["id"]) for _ in range(61)]
                assert numbers == list(range(1, 62))
            for stream in streams:
                stream.__exit__(None, None, None)
            # Which process answers is Envoy's choice: both do.
            holders = {line.split('"method"')[0] for line in stack.log_path.read_text().splitlines() if "serving" in line}
            assert len(holders) == 2
    finally:
        assert stack.stop() == 0


def test_sigterm_is_announced_by_health_and_ends_streams_cleanly(tmp_path: Path) -> None:
    stack = Stack(tmp_path / "data", SHUTDOWN_SECONDS="5").start()
    with grpc.insecure_channel(f"127.0.0.1:{stack.grpc_port}") as channel:
        health = health_pb2_grpc.HealthStub(channel)
        services = ["", "orchestrator.v1.TaskService", "orchestrator.agent_orchestration.v1.SessionService"]
        for service in services:
            answer = health.Check(health_pb2.HealthCheckRequest(service=service))
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        watching = health.Watch(health_pb2.HealthCheckRequest(service=""))
        assert next(watching).status == health_pb2.HealthCheckResponse.SERVING
        with stack.client() as client, client.stream("GET", "/v1/events") as stream:
            lines = stream.iter_lines()
            assert next(lines) == "retry: 1000"
            children = stack.children()
            stack.process.terminate()
            assert next(watching).status == health_pb2.HealthCheckResponse.NOT_SERVING
            list(lines)
    assert stack.stop() == 0
    deadline = time.monotonic() + 5
    while any(child.is_running() and child.status() != "zombie" for child in children):
        assert time.monotonic() < deadline
    assert "Traceback" not in stack.log_path.read_text()


def test_packages_that_are_not_on_this_machine_are_installed_when_they_are_needed(tmp_path: Path) -> None:
    running = Stack(tmp_path / "data").start()
    code = "import six\ndef work():\n    return six.ensure_str(b'here')\n"
    body = {"input_data": {}, "timeout": 50}
    try:
        with running.client() as client:
            agent = client.post("/v1/agents", json={"name": "s", "code": code, "requirements": ["six"]}).json()["id"]
            first = client.post(f"/v1/agents/{agent}/execute", json=body).json()
            if first["status"] == "failed" and first["error"]["type"] == "AgentUnavailable":
                pytest.skip(f"no package index answers: {first['error']['message'][:200]}")
            assert first["output"] == "here"
        running.stop()
        # As on a second machine, which has not installed them.
        (module,) = running.data_dir.glob("environments/*/six.py")
        shutil.rmtree(module.parent)
        running.start()
        with running.client() as client:
            again = client.post(f"/v1/agents/{agent}/execute", json=body).json()
            assert again["status"] == "completed" and again["output"] == "here", again
    finally:
        running.stop()
