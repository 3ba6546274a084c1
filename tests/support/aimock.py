"""A model provider that nobody here wrote: `llmock` of the npm package @copilotkit/aimock, which answers as a test says.

It is installed once into the user's cache, because nothing but these tests needs it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from tests.support.ports import free_port
from tests.support.services import missing

PACKAGE, VERSION = "@copilotkit/aimock", "1.43.0"
INSTALL_SECONDS, START_SECONDS = 100, 20


def installed() -> Path:
    """Its folder; the test is skipped where it can be neither found nor installed."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "orchestrator-tests" / f"aimock-{VERSION}"
    program = folder / "node_modules" / ".bin" / "llmock"
    if program.exists():
        return program
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip(f"there is no npm to install {PACKAGE} with")
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Other test processes install it too: whoever is first is the one, and nobody sees half of it.
    with tempfile.TemporaryDirectory(dir=folder.parent) as made:
        command = [npm, "install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", made]
        try:
            done = subprocess.run(
                [*command, f"{PACKAGE}@{VERSION}"], capture_output=True, text=True, timeout=INSTALL_SECONDS, cwd=made
            )
            said = done.stderr.strip().splitlines()
        except subprocess.TimeoutExpired:
            done, said = None, ["npm took too long"]
        if done is None or done.returncode:
            missing(f"{PACKAGE} cannot be installed: {said[0] if said else 'npm does not say why'}")
        try:
            Path(made, "node_modules").rename(_made(folder) / "node_modules")
        except OSError:
            assert program.exists()
    return program


def _made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder


class Aimock:
    """One that runs."""

    def __init__(self, port: int) -> None:
        self.origin = f"http://127.0.0.1:{port}"
        self.url = f"{self.origin}/v1"
        self._forgotten: set[str] = set()

    def forget(self) -> None:
        """Counts from here on."""
        self._forgotten = {each["id"] for each in self._journal()}

    def _journal(self) -> list[dict[str, Any]]:
        return httpx.get(f"{self.origin}/__aimock/journal").json()

    def asked(self, word: str) -> list[dict[str, Any]]:
        """Requests whose last message has a word."""
        entries = [each for each in self._journal() if each["id"] not in self._forgotten]
        return [each for each in entries if word in json.dumps((each.get("body") or {}).get("messages", [])[-1:])]


@contextmanager
def aimock(fixtures: Sequence[dict[str, Any]], folder: Path) -> Iterator[Aimock]:
    """Answers as the fixtures say, while the context lasts."""
    program, port = installed(), free_port()
    (folder / "fixtures.json").write_text(json.dumps({"fixtures": list(fixtures)}))
    command = [str(program), "--port", str(port), "--fixtures", str(folder / "fixtures.json"), "--strict"]
    process = subprocess.Popen(
        [*command, "--validate-on-load", "--log-level", "silent", "--chunk-size", "5"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + START_SECONDS
        while True:
            assert process.poll() is None and time.monotonic() < deadline, "aimock does not start"
            try:
                httpx.get(f"http://127.0.0.1:{port}/health", timeout=1).raise_for_status()
                break
            except httpx.HTTPError:
                time.sleep(0.05)
        yield Aimock(port)
    finally:
        process.kill()
        process.wait()
