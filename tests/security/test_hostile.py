"""Hostile programs are stopped in a sandbox, as root and as an ordinary user, and do harm without one."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.hostile_programs import PROGRAMS
from tests.support.services import missing

_PROJECT = Path(__file__).resolve().parents[2]
_GAUNTLET_SECONDS = 100
_VARIABLES = {**os.environ, "SERVICE_TOKEN": "token"}
_QUICK = [name for name, program in PROGRAMS.items() if not program.lasting]
_OURS = "root" if os.geteuid() == 0 else "ordinary user"
# The quick ones as whoever runs the tests; all of them, for every identity, in the slow tests.
PASSAGES = [
    pytest.param(_OURS, _QUICK, id=f"quick ones as {_OURS}", marks=pytest.mark.xdist_group("gauntlet")),
    *(
        pytest.param(
            identity,
            list(PROGRAMS),
            id=f"all as {identity}",
            marks=[pytest.mark.slow, pytest.mark.xdist_group(identity)],
        )
        for identity in ("root", "ordinary user")
    ),
]
EACH = [
    pytest.param(*passage.values, name, id=f"{passage.id}-{name}", marks=passage.marks)
    for passage in PASSAGES
    for name in passage.values[1]
]


@functools.cache
def _passage(identity: str, names: tuple[str, ...]) -> dict[str, Any] | str:
    """The report of one passage through the gauntlet, made once; a reason where it cannot be made."""
    command = [sys.executable, "-m", "tests.support.gauntlet", *names]
    if identity == "root" and os.geteuid() != 0:
        return "the tests do not run as root"
    if identity == "ordinary user" and os.geteuid() == 0:
        command[1:1] = ["-m", "tests.support.as_ordinary_user"]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=_GAUNTLET_SECONDS, env=_VARIABLES, cwd=_PROJECT
    )
    if done.returncode != 0:
        return f"the gauntlet could not be run: {done.stderr[-2000:]}"
    report: dict[str, Any] = json.loads(done.stdout)
    return report["unavailable"] or report


def passed(identity: str, names: list[str]) -> dict[str, Any]:
    result = _passage(identity, tuple(names))
    if isinstance(result, str):
        missing(result)
    return result


@pytest.mark.parametrize(("identity", "names"), PASSAGES)
def test_the_identity_is_the_intended_one_and_no_process_is_left(identity: str, names: list[str]) -> None:
    report = passed(identity, names)
    assert (report["user"] == 0) is (identity == "root")
    assert report["isolation"].startswith("bubblewrap")
    assert report["left"] == 0


@pytest.mark.parametrize(("identity", "names", "name"), EACH)
def test_program_is_stopped(identity: str, names: list[str], name: str) -> None:
    program, result = PROGRAMS[name], passed(identity, names)["programs"][name]
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


@pytest.mark.parametrize(("identity", "names", "name"), EACH)
def test_program_does_harm_without_a_sandbox(identity: str, names: list[str], name: str) -> None:
    report = passed(identity, names)
    program, result = PROGRAMS[name], report["programs"][name]
    if program.control == "root" and report["user"] != 0:
        pytest.skip("only root can do this, sandbox or not")
    if program.control == "perhaps" and result["control"] != "reached":
        pytest.skip(f"this kernel refuses it to everyone: {result['control']}")
    assert result["control"] == "reached"
