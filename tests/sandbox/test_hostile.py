"""Hostile programs are stopped in a sandbox, as root and as an ordinary user, and do harm without one."""

import functools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hostile_programs import PROGRAMS

_FOLDER = Path(__file__).parent
_GAUNTLET_SECONDS = 100
_VARIABLES = {**os.environ, "SERVICE_TOKEN": "token"}


@functools.cache
def _gauntlet(identity: str) -> dict[str, Any] | str:
    """The report of one whole passage, made once; a reason where it cannot be made."""
    command = [sys.executable, str(_FOLDER / "gauntlet.py")]
    if identity == "root" and os.geteuid() != 0:
        return "the tests do not run as root"
    if identity == "ordinary user" and os.geteuid() == 0:
        command.insert(1, str(_FOLDER / "as_ordinary_user.py"))
    done = subprocess.run(command, capture_output=True, text=True, timeout=_GAUNTLET_SECONDS, env=_VARIABLES)
    if done.returncode != 0:
        return f"the gauntlet could not be run: {done.stderr[-2000:]}"
    report: dict[str, Any] = json.loads(done.stdout)
    return report["unavailable"] or report


@pytest.fixture(params=["root", "ordinary user"])
def report(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What came of the programs for one identity of the service."""
    result = _gauntlet(request.param)
    if isinstance(result, str):
        pytest.skip(result)
    return result


def test_the_identity_is_the_intended_one(report: dict[str, Any], request: pytest.FixtureRequest) -> None:
    as_root = "root" in request.node.callspec.id
    assert (report["user"] == 0) is as_root
    assert report["isolation"].startswith("bubblewrap")


def test_no_process_is_left(report: dict[str, Any]) -> None:
    assert report["left"] == 0


@pytest.mark.parametrize("name", PROGRAMS)
def test_program_is_stopped(report: dict[str, Any], name: str) -> None:
    program, result = PROGRAMS[name], report["programs"][name]
    if program.stopped:
        assert result["failure"] in program.stopped, result
        assert result["output"] is None
    else:
        # Allowed to end well, within bounds.
        assert result["output"] == "reached", result
    if program.stdout_limit is not None:
        assert result["stdout"] <= program.stdout_limit
    assert result["seconds"] < program.seconds
    assert result["left"] == 0, "processes outlived the run"


@pytest.mark.parametrize("name", PROGRAMS)
def test_program_does_harm_without_a_sandbox(report: dict[str, Any], name: str) -> None:
    program, result = PROGRAMS[name], report["programs"][name]
    if program.control == "root" and report["user"] != 0:
        pytest.skip("only root can do this, sandbox or not")
    if program.control == "perhaps" and result["control"] != "reached":
        pytest.skip(f"this kernel refuses it to everyone: {result['control']}")
    assert result["control"] == "reached"
