"""Starting, stopping and running several: what an operator does."""

from __future__ import annotations

import base64
import hashlib
import shutil
import time
import zipfile
from pathlib import Path

import grpc
import httpx2 as httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.support.stack import Stack, events_of


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


def test_an_agent_uses_the_packages_it_asked_for_on_whichever_machine(tmp_path: Path) -> None:
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
        stack.stop()
        # As on a second machine, which has not installed them.
        (module,) = stack.data_dir.glob("environments/*/tiny_greeting.py")
        shutil.rmtree(module.parent)
        stack.start()
        with stack.client() as client:
            body = {"input_data": {"name": "again"}, "timeout": 50}
            again = client.post(f"/v1/agents/{deployed['id']}/execute", json=body).json()
            assert again["status"] == "completed" and again["output"] == "hello again", again
    finally:
        assert stack.stop() == 0


@pytest.mark.parametrize("database", [pytest.param("sqlite", marks=pytest.mark.slow), "postgresql"])
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
            holders = {
                line.split('"method"')[0] for line in stack.log_path.read_text().splitlines() if "serving" in line
            }
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
            # A last event says why it ends, and breaking off that it has not come to its end.
            last: list[str] = []
            with pytest.raises(httpx.RemoteProtocolError):
                last.extend(iter(lambda: next(lines), None))
            assert last[-3:-1] == ["event: error", last[-2]] and "SERVICE_UNAVAILABLE" in last[-2]
    # It has been told once, and must not be told again while it ends.
    assert stack.process.wait(40) == 0
    stack.process.stdout.close()
    deadline = time.monotonic() + 5
    while any(child.is_running() and child.status() != "zombie" for child in children):
        assert time.monotonic() < deadline
    assert "Traceback" not in stack.log_path.read_text()
