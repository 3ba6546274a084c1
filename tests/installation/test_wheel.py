"""What a wheel carries, and that it runs where nothing else of this project is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx2 as httpx
import pytest
import uv
from grpc_health.v1 import health_pb2, health_pb2_grpc
from orchestrator.v1 import session_service_pb2, session_service_pb2_grpc

from tests.support.ports import free_port

# One environment, with one wheel in it.
pytestmark = pytest.mark.xdist_group("wheel")
ROOT = Path(__file__).resolve().parents[2]
CODE = "def process_data(data): return data.upper()"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    _run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], cwd=ROOT)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def orchestrator(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program of an environment that has the wheel, what it depends on, and nothing else."""
    environment = tmp_path_factory.mktemp("environment")
    tool = [uv.find_uv_bin(), "--quiet"]
    _run([*tool, "venv", "--python", sys.executable, "--clear", str(environment)])
    python = str(environment / "bin" / "python")
    locked = str(ROOT / "requirements" / "dev.txt")
    _run([*tool, "pip", "install", "--python", python, "--constraints", locked, str(wheel)])
    return environment / "bin" / "orchestrator"


class Installed:
    """`orchestrator up` of a wheel, started in `folder`."""

    def __init__(self, program: Path, folder: Path) -> None:
        self.folder = folder
        self.port, self.operations_port, self.grpc_port = free_port(), free_port(), free_port()
        ports = {"orchestra": self.port, "operations": self.operations_port, "grpc": self.grpc_port}
        flags = [word for name, port in ports.items() for word in (f"--{name}-port", str(port))]
        self.process = subprocess.Popen(
            [program, "up", *flags],
            cwd=folder,
            env=_clean_environment(),
            stdout=subprocess.PIPE,
            stderr=folder.with_suffix(".log").open("w"),
            text=True,
        )

    def wait_until_ready(self) -> None:
        lines = []
        for line in self.process.stdout:
            lines.append(line)
            if line.startswith("ready"):
                return
        raise AssertionError(f"never ready: {lines} {self.folder.with_suffix('.log').read_text()[-3000:]}")

    @property
    def key(self) -> str:
        return (self.folder / "data" / "dev-api-key").read_text().strip()

    def client(self, port: int) -> httpx.Client:
        headers = {"authorization": f"Bearer {self.key}"}
        return httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=60)


@pytest.fixture(scope="module")
def installed(orchestrator: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    folder = tmp_path_factory.mktemp("empty")
    running = Installed(orchestrator, folder)
    try:
        running.wait_until_ready()
        yield running
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(40) == 0
    finally:
        running.process.kill()
        running.process.wait()


def test_every_file_of_the_packages_is_in_the_wheel(wheel: Path) -> None:
    """Templates, filters and migrations are files like the modules beside them."""
    listed = _run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "server", "gateway"], cwd=ROOT
    )
    sources = {name for name in listed.split("\0") if name and (ROOT / name).exists()}
    with zipfile.ZipFile(wheel) as archive:
        assert sources - set(archive.namelist()) == set()
        assert archive.read("gateway/envoy.yaml") == (ROOT / "envoy.yaml").read_bytes()


def test_an_installed_wheel_serves_rest_on_both_ports(installed: Installed) -> None:
    with installed.client(installed.port) as client:
        assert client.get("/health").status_code == 200
        agent = client.post("/v1/agents", json={"name": "a", "type": "python", "code": CODE}).json()
        body = {"input_data": {"text": "hello world"}}
        execution = client.post(f"/v1/agents/{agent['id']}/execute", json=body).json()
    assert execution["output"] == "HELLO WORLD"
    with installed.client(installed.operations_port) as client:
        assert client.get("/v1/tasks").status_code == 200
        # A refusal of Envoy's own, whose shape the filters make.
        assert client.get("/v1/nowhere").json()["error"]["code"] == "NOT_FOUND"


def test_an_installed_wheel_has_the_templates_that_take_tasks_apart(installed: Installed) -> None:
    with installed.client(installed.port) as client:
        templates = client.get("/api/v1/tasks/templates").json()["items"]
    ours = {path.stem.upper() for path in (ROOT / "server" / "core" / "coding" / "decompositions").glob("*.toml")}
    assert len(ours) == 6
    assert {template["name"] for template in templates} == ours


def test_an_installed_wheel_serves_grpc(installed: Installed) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{installed.grpc_port}") as channel:
        health = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=10)
        sessions = session_service_pb2_grpc.SessionServiceStub(channel)
        metadata = (("authorization", f"Bearer {installed.key}"),)
        request = session_service_pb2.CreateSessionRequest(name="over gRPC")
        session = sessions.CreateSession(request, metadata=metadata, timeout=10)
    assert health.status == health_pb2.HealthCheckResponse.SERVING
    assert session.name == "over gRPC"


def test_modules_of_the_folder_that_it_is_started_in_do_not_stand_before_its_own(
    orchestrator: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "server.py").write_text("raise SystemExit('this is not the server that was meant')")
    running = Installed(orchestrator, folder)
    try:
        running.wait_until_ready()
    finally:
        running.process.terminate()
        running.process.wait(40)


def _clean_environment() -> dict[str, str]:
    """Without anything that would find this checkout, or change a setting."""
    return {name: os.environ[name] for name in ("HOME", "LANG", "PATH", "TMPDIR", "USER") if name in os.environ}


def _run(command: list[str], **options: Any) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout
