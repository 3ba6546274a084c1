"""The whole product as a user starts it: `orchestrator up` in a process of its own, spoken to over HTTP and gRPC."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import psutil

from server.core.identity import api_keys
from server.settings import Settings
from server.store.opened import open_database
from tests.conftest import free_port

ORCHESTRATOR = str(Path(sys.executable).parent / "orchestrator")


class Stack:
    """One `orchestrator up`."""

    def __init__(self, data_dir: Path, *flags: str, **environment: str) -> None:
        self.data_dir = data_dir
        self.port, self.operations_port, self.grpc_port = free_port(), free_port(), free_port()
        self.log_path = data_dir.parent / f"{data_dir.name}.log"
        self.flags = flags
        self.environment = environment
        self.process: subprocess.Popen[str] | None = None
        self.seconds_to_ready = 0.0

    def start(self) -> Stack:
        arguments = [ORCHESTRATOR, "up", "--data-dir", str(self.data_dir)]
        arguments += ["--grpc-port", str(self.grpc_port), "--orchestra-port", str(self.port)]
        arguments += ["--operations-port", str(self.operations_port), *self.flags]
        began = time.monotonic()
        self.process = subprocess.Popen(
            arguments,
            stdout=subprocess.PIPE,
            stderr=self.log_path.open("a"),
            text=True,
            env={**os.environ, **self.environment},
        )
        self.output = []
        for line in self.process.stdout:
            self.output.append(line)
            if line.startswith("ready"):
                break
        else:
            raise AssertionError(f"never ready: {self.output} {self.log_path.read_text()[-3000:]}")
        self.seconds_to_ready = time.monotonic() - began
        return self

    @property
    def key(self) -> str:
        return (self.data_dir / "dev-api-key").read_text().strip()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, key: str | None = None, **options: Any) -> httpx.Client:
        headers = {"authorization": f"Bearer {key or self.key}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=90, **options)

    def orchestrator(self, *arguments: str) -> str:
        command = [ORCHESTRATOR, *arguments, "--data-dir", str(self.data_dir)]
        environment = {**os.environ, **self.environment}
        return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout

    def new_key(self, *options: str) -> tuple[str, str]:
        """The id and the secret of a new key."""
        lines = dict(line.split(":", 1) for line in self.orchestrator("keys", "create", "t", *options).splitlines()[:2])
        return lines["id"].strip(), lines["key"].strip()

    def tenant(self) -> str:
        """The key of a new organization, written straight into the database, which is faster than a process."""

        async def create() -> str:
            database = open_database(Settings(data_dir=self.data_dir, database_url=self.environment.get("DATABASE_URL", "")))
            await database.open()
            _, secret = await api_keys.create_key(database, organization=uuid.uuid4().hex, name="test")
            await database.close()
            return secret

        return asyncio.run(create())

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def server(self) -> psutil.Process:
        """The (first) server process."""
        direct = psutil.Process(self.process.pid).children()
        return next(child for child in direct if child.cmdline()[1:3] == ["-m", "server"])

    def stop(self, number: int = signal.SIGTERM) -> int:
        if self.process is None or self.process.poll() is not None:
            return self.process.returncode if self.process else 0
        self.process.send_signal(number)
        try:
            return self.process.wait(40)
        finally:
            self.process.stdout.close()


def events_of(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    """The events of a server-sent stream; a comment is passed as {"comment": …}."""
    event: dict[str, Any] = {}
    for line in lines:
        if line.startswith(":"):
            yield {"comment": line[1:].strip()}
        elif line:
            name, _, value = line.partition(": ")
            event[name] = value
        else:
            if "data" in event:
                yield {**event, "data": json.loads(event["data"])}
            event = {}
