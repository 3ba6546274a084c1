"""A real browser, driven over its debugging protocol: pages are opened, filled in and read as a person does."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2 as httpx
from websockets.sync.client import ClientConnection, connect

from tests.support.ports import free_port

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), ""
)
PATIENCE_SECONDS = 20.0


class Page:
    """One tab."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._number = 0
        self("Page.enable")

    def __call__(self, method: str, **parameters: Any) -> Any:
        self._number += 1
        self._connection.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            said = json.loads(self._connection.recv(PATIENCE_SECONDS))
            if said.get("id") == self._number:
                assert "error" not in said, said
                return said["result"]

    def open(self, address: str) -> None:
        self("Page.navigate", url=address)

    def value(self, script: str) -> Any:
        """What a script in the page gives."""
        return self("Runtime.evaluate", expression=script, returnByValue=True)["result"].get("value")

    def wait(self, script: str) -> Any:
        """What it gives once that is something."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (found := self.value(script)):
            assert time.monotonic() < deadline, f"{script}: {self.value('location.href + document.body.innerText')}"
            time.sleep(0.05)
        return found


@contextmanager
def browser(folder: Path) -> Iterator[Page]:
    """A tab of a browser of its own, whose profile is in a folder."""
    port = free_port()
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", f"--user-data-dir={folder}"]
    command = [CHROMIUM, *flags, f"--remote-debugging-port={port}", "about:blank"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                tabs = httpx.get(f"http://127.0.0.1:{port}/json", timeout=5).json()
                address = next(each["webSocketDebuggerUrl"] for each in tabs if each["type"] == "page")
                break
            except (httpx.HTTPError, StopIteration):
                assert time.monotonic() < deadline, "the browser does not answer"
                time.sleep(0.05)
        with connect(address, max_size=None) as connection:
            yield Page(connection)
    finally:
        process.kill()
        process.wait()
