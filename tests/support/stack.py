"""The whole product as a user starts it: `orchestrator up` in a process of its own, spoken to over HTTP and gRPC."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import uuid
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import httpx2 as httpx
import psutil

from server.core.identity import api_keys, oauth_clients, organizations
from server.settings import Settings
from server.store.database import Database
from server.store.opened import open_database
from tests.support.databases import new_sqlite
from tests.support import launcher
from tests.support.launcher import ORCHESTRATOR
from tests.support.ports import free_port

T = TypeVar("T")


class Stack:
    """One `orchestrator up`."""

    launch: Callable[..., launcher.Started | subprocess.Popen[str]] = staticmethod(launcher.start)

    def __init__(self, data_dir: Path, *flags: str, **environment: str) -> None:
        self.data_dir = data_dir
        self.port, self.operations_port, self.grpc_port = free_port(), free_port(), free_port()
        self.log_path = data_dir.parent / f"{data_dir.name}.log"
        self.flags = flags
        self.environment = {
            "DATABASE_CONNECTIONS": "8",
            "SANDBOX_PREWARMED": "1",
            # All tests come from one address.
            "LOGINS_PER_MINUTE": "6000",
            **environment,
        }
        self.process: launcher.Started | subprocess.Popen[str] | None = None

    def start(self) -> Stack:
        if not self.data_dir.exists() and "DATABASE_URL" not in self.environment:
            # To migrate takes as long as a tenth of the start.
            self.data_dir.mkdir(mode=0o700)
            new_sqlite(self.data_dir)
        arguments = ["up", "--data-dir", str(self.data_dir)]
        arguments += ["--grpc-port", str(self.grpc_port), "--orchestra-port", str(self.port)]
        arguments += ["--operations-port", str(self.operations_port), *self.flags]
        with self.log_path.open("a") as log:
            self.process = self.launch(arguments, log, {**os.environ, **self.environment})
        self.output = []
        for line in self.process.stdout:
            self.output.append(line)
            if line.startswith("ready"):
                break
        else:
            raise AssertionError(f"never ready: {self.output} {self.log_path.read_text()[-3000:]}")
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
        """What a command says about this stack's data."""
        command = [ORCHESTRATOR, *arguments, "--data-dir", str(self.data_dir)]
        environment = {**os.environ, **self.environment}
        return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout

    def new_key(self, organization: str = "", **options: Any) -> tuple[str, str]:
        """The id and the secret of a new key, of a new organization where none is named.

        It is written straight into the database, which is faster than a process; `options` are those of `create_key`.
        """

        async def create(database: Database) -> tuple[str, str]:
            key, secret = await api_keys.create_key(
                database, organization=organization or uuid.uuid4().hex, name="test", **options
            )
            # Whoever asks again and again until something is there must not be held up by what is measured elsewhere.
            await organizations.set_tier(database, key.organization_id, "enterprise")
            return f"key_{key.id}", secret

        return self._with_database(create)

    def tenant(self) -> str:
        """The key of a new organization."""
        return self.new_key()[1]

    def new_client(self, **options: Any) -> tuple[str, str]:
        """The id and the secret of a new OAuth client of the development organization, as `create_client` makes it."""

        async def create(database: Database) -> tuple[str, str]:
            client, secret = await oauth_clients.create_client(
                database, organization="Development", scopes="*", token_seconds=3600, **options
            )
            return f"client_{client.id}", secret

        return self._with_database(create)

    def revoke(self, identifier: str) -> None:
        """Ends a key, as another process does."""
        self._with_database(lambda database: api_keys.revoke_key(database, identifier))

    def _with_database(self, work: Callable[[Database], Awaitable[T]]) -> T:
        settings = Settings(data_dir=self.data_dir, database_url=self.environment.get("DATABASE_URL", ""))

        async def run() -> T:
            database = open_database(settings)
            await database.open()
            try:
                return await work(database)
            finally:
                await database.close()

        # In a thread of its own: the caller may be inside a loop.
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(asyncio.run, run()).result()

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def server(self) -> psutil.Process:
        """The (first) server process."""
        return self.servers()[0]

    def servers(self) -> list[psutil.Process]:
        """The server processes that run."""
        direct = psutil.Process(self.process.pid).children()
        return [child for child in direct if child.is_running() and child.name().startswith("server-")]

    def stop(self, number: int = signal.SIGTERM) -> int:
        if self.process is None or self.process.poll() is not None:
            return self.process.returncode if self.process else 0
        self.process.send_signal(number)
        try:
            return self.process.wait(40)
        finally:
            self.process.stdout.close()


def narrow(port: int) -> socket.socket:
    """A connection for a slow reader: it holds little that has not been read."""
    opened = socket.socket()
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    opened.connect(("127.0.0.1", port))
    return opened


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
