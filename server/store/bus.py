"""The bus: after a commit a process says "look" to the others that share its database, and no more than that.

A lost word costs a delay, never an event: who listens also looks by itself every second.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import structlog

from server.private_files import own_folder
from server.store.forever import forever
from server.store.postgres_connections import PATIENCE_SECONDS, connect

Heard = Callable[[str, int], None]
CHANNEL = "orchestrator_feed"
LISTENER = "orchestrator bus"
LOOK_SECONDS = 1.0
_NOTIFY = "SELECT pg_notify($1, $2)"
_OTHERS = """
SELECT EXISTS (
    SELECT FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = $1 AND pid <> pg_backend_pid()
)
"""
log = structlog.get_logger()


class Bus(Protocol):
    """Tells other processes that an organization's feed has grown."""

    async def open(self) -> None:
        """Starts listening."""

    def listen(self, heard: Heard) -> None:
        """`heard(organization, head)` is called for each word from another process."""

    def announce(self, organization: str, head: int) -> None:
        """Says that the feed has reached `head`. Never waits and never raises."""

    async def close(self) -> None:
        """Stops."""


class SocketBus:
    """Between processes on one machine: a datagram socket each, in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / f"{os.getpid()}.bus"
        self._heard: Heard | None = None
        self._peers: list[str] = []

    async def open(self) -> None:
        own_folder(self._folder)
        self._path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind(str(self._path))
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._read)
        self._task = asyncio.create_task(forever("peers", self._find_peers))

    def listen(self, heard: Heard) -> None:
        self._heard = heard

    def announce(self, organization: str, head: int) -> None:
        for peer in self._peers:
            # A peer that is gone or too slow looks by itself.
            with contextlib.suppress(OSError):
                self._socket.sendto(f"{organization} {head}".encode(), peer)

    async def close(self) -> None:
        self._task.cancel()
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._socket.close()
        self._path.unlink(missing_ok=True)

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError):
            for _ in range(256):
                organization, _, head = self._socket.recv(200).decode().partition(" ")
                if self._heard is not None and head.isdigit():
                    self._heard(organization, int(head))

    async def _find_peers(self) -> None:
        while True:
            self._peers = [str(path) for path in self._folder.glob("*.bus") if path != self._path]
            for peer in self._peers:
                if not _alive(int(Path(peer).stem)):
                    Path(peer).unlink(missing_ok=True)
            await asyncio.sleep(1)


class PostgresBus:
    """Between any processes on one PostgreSQL: NOTIFY, after the commit and at most once a turn of the loop.

    Not while nobody else listens, which is looked up once a second; whoever comes says so, and is heard at once.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._heard: Heard | None = None
        self._heads: dict[str, int] = {}
        self._wake = asyncio.Event()
        self._alone = False

    async def open(self) -> None:
        self._task = asyncio.create_task(self._keep())

    def listen(self, heard: Heard) -> None:
        self._heard = heard

    def announce(self, organization: str, head: int) -> None:
        if not self._alone:
            self._heads[organization] = head
            self._wake.set()

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _keep(self) -> None:
        """Stays connected; while it is not, others find out by looking."""
        while True:
            try:
                await self._serve()
            except Exception as error:
                log.warning(
                    "the bus lost its connection; changes of others are looked for meanwhile", error=repr(error)
                )
                self._alone = False
                await asyncio.sleep(1)

    async def _serve(self) -> None:
        connection = await connect(self._url, LISTENER, command_seconds=PATIENCE_SECONDS)
        try:
            own = connection.get_server_pid()
            await connection.add_listener(
                CHANNEL, lambda _c, sender, _n, text: self._receive(text) if sender != own else None
            )
            connection.add_termination_listener(lambda _: self._wake.set())
            # The others look for whoever listens only now and then.
            await connection.execute(_NOTIFY, CHANNEL, json.dumps(["", 0]))
            loop = asyncio.get_running_loop()
            look_at = loop.time()
            while not connection.is_closed():
                if loop.time() >= look_at:
                    self._alone = not await connection.fetchval(_OTHERS, LISTENER)
                    look_at = loop.time() + LOOK_SECONDS
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout_at(look_at):
                        await self._wake.wait()
                self._wake.clear()
                while self._heads and not connection.is_closed():
                    organization, head = next(iter(self._heads.items()))
                    await connection.execute(_NOTIFY, CHANNEL, json.dumps([organization, head]))
                    if self._heads.get(organization) == head:
                        del self._heads[organization]
            raise ConnectionResetError("the server closed the connection")
        finally:
            # Not with a word, which a silent server would have us wait for.
            connection.terminate()

    def _receive(self, text: Any) -> None:
        self._alone = False
        if self._heard is not None:
            organization, head = json.loads(text)
            self._heard(organization, head)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
