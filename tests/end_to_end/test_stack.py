"""What `orchestrator up` says and refuses when it starts."""

from __future__ import annotations

import subprocess
from pathlib import Path

import httpx2 as httpx
import pytest

from tests.support.stack import ORCHESTRATOR, Stack

pytestmark = pytest.mark.xdist_group("stack")


def test_it_is_ready_after_little_work(stack: Stack) -> None:
    print(f"ready after {stack.cpu_seconds_to_ready:.2f} s of processor time")
    # By the processor's time, because machines that run tests are busy; the benchmark has the figure by the clock.
    assert stack.cpu_seconds_to_ready < 6


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
