"""The process that starts the others, starts them again when they die, and ends them in the right order."""

from __future__ import annotations

import asyncio
import ctypes
import fcntl
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from gateway.envoy import Gateway, command, environment
from server.apis import declarations
from server.private_files import own_folder, private_folder, unusable
from server.settings import Settings

READY_SECONDS = 60.0
RESTART_SECONDS = 1.0
_PDEATHSIG = 1


class Refused(Exception):
    """Nothing was started; the message says why."""


def supervise(settings: Settings) -> int:
    """Runs everything until SIGTERM or SIGINT; returns the exit code. Raises Refused, Misconfigured."""
    private_folder(settings.data_dir)
    with _only_one(settings.data_dir):
        own_folder(settings.run_dir)
        _check_ports(settings)
        return asyncio.run(_Supervisor(settings).run())


def _only_one(data_dir: Path) -> Any:
    try:
        lock = (data_dir / "lock").open("w")
    except OSError as error:
        raise unusable(data_dir, error) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Refused(f"another orchestrator runs in {data_dir}: stop it, or choose another --data-dir") from None
    return lock


def _check_ports(settings: Settings) -> None:
    for name in ("orchestra_port", "operations_port", "grpc_port"):
        port = getattr(settings, name)
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind((settings.host, port))
            except OSError as error:
                flag = name.replace("_", "-")
                raise Refused(f"port {port} cannot be used ({error.strerror}): choose another --{flag}") from None


class _Supervisor:
    """One run."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._children: dict[str, asyncio.subprocess.Process] = {}
        self._stopping = asyncio.Event()
        # Whether a server says that it cannot run, however often it is started.
        self._hopeless = False
        self._sockets = [settings.run_dir / f"server-{index}.sock" for index in range(settings.workers)]

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        settings = self._settings
        gateway = Gateway(
            settings.host,
            settings.orchestra_port,
            settings.operations_port,
            self._sockets,
            [_bridge_path(path) for path in self._sockets],
            settings.origins,
        )
        keepers = [
            asyncio.create_task(self._keep("gateway", command(gateway, settings.run_dir), environment())),
            *(
                asyncio.create_task(
                    self._keep(f"server-{index}", _server_command(settings, path), _server_environment(settings))
                )
                for index, path in enumerate(self._sockets)
            ),
        ]
        try:
            if not await self._answers():
                return 1
            self._announce()
            print(f"ready  http://{settings.host}:{settings.orchestra_port}", flush=True)
            await self._stopping.wait()
            return int(self._hopeless)
        finally:
            self._stopping.set()
            await self._end()
            _, late = await asyncio.wait(keepers, timeout=1)
            for keeper in late:
                keeper.cancel()
            shutil.rmtree(settings.run_dir, ignore_errors=True)

    async def _keep(self, name: str, arguments: Sequence[str], variables: Mapping[str, str]) -> None:
        """Runs a child, again and again, until we stop."""
        while not self._stopping.is_set():
            child = await asyncio.create_subprocess_exec(
                *arguments, env=variables, preexec_fn=_die_with_parent, start_new_session=True
            )
            self._children[name] = child
            if self._stopping.is_set():
                # The others have been told to stop while this one began.
                child.terminate()
            code = await child.wait()
            if code == os.EX_CONFIG:
                self._hopeless = True
                self._stopping.set()
            if not self._stopping.is_set():
                print(f"{name} ended with {code}; starting it again", file=sys.stderr, flush=True)
                # One that somebody has stopped is well.
                await asyncio.sleep(RESTART_SECONDS if code else 0)

    async def _end(self) -> None:
        """Servers first, while the gateway still carries the answers of running calls."""
        for is_gateway in (False, True):
            children = [child for name, child in self._children.items() if (name == "gateway") == is_gateway]
            for child in children:
                if child.returncode is None:
                    child.terminate()
            try:
                # A server ends by itself before that, if it can.
                async with asyncio.timeout(self._settings.stop_seconds + 2):
                    await asyncio.gather(*(child.wait() for child in children))
            except TimeoutError:
                for child in children:
                    if child.returncode is None:
                        child.kill()

    def _announce(self) -> None:
        settings = self._settings
        if settings.exposed:
            print(settings.exposed, file=sys.stderr, flush=True)
        host = settings.host
        ports = {"orchestra": settings.orchestra_port, "operations": settings.operations_port}
        for api in declarations():
            if api.listener is not None:
                print(f"{api.title:24} http://{host}:{ports[api.listener]}{api.routes[0].prefix}")
        print(f"{'gRPC':24} {host}:{settings.grpc_port}")
        if settings.environment == "development":
            print(f"{'development key':24} {settings.key_path.read_text().strip()}  (in {settings.key_path})")

    async def _answers(self) -> bool:
        """Whether the gateway answers in time, with a server behind it."""
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline and not self._stopping.is_set():
            listening = [_listens(path) for path in self._sockets]
            host, port = self._settings.host, self._settings.orchestra_port
            if all(listening) and await _asks(host, port) and await _asks_for_socket(host, port):
                return True
            await asyncio.sleep(0.05)
        if not self._stopping.is_set():
            print(f"the gateway did not answer within {READY_SECONDS:.0f} seconds", file=sys.stderr)
        return False


async def _asks(host: str, port: int) -> bool:
    """Whether a request without a key gets the server's own refusal."""
    return b" 401 " in await _status_line(host, port, b"GET /v1/sessions HTTP/1.1\r\nconnection: close\r\n")


async def _asks_for_socket(host: str, port: int) -> bool:
    """Whether somebody answers for WebSockets; the gateway sends every upgrade there, also one to a path of nobody."""
    return b" 404 " in await _status_line(
        host, port, b"GET / HTTP/1.1\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
    )


async def _status_line(host: str, port: int, request: bytes) -> bytes:
    try:
        async with asyncio.timeout(2):
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(request + b"host: ready\r\n\r\n")
            line = await reader.readline()
            writer.close()
    except (OSError, TimeoutError):
        return b""
    return line


def _listens(path: Path) -> bool:
    """Whether a server listens at this socket; one that a killed server left behind refuses."""
    with socket.socket(socket.AF_UNIX) as trial:
        return trial.connect_ex(str(path)) == 0


def _server_command(settings: Settings, path: Path) -> list[str]:
    addresses = [f"unix:{path}", f"{settings.host}:{settings.grpc_port}"]
    return [sys.executable, "-m", "server", str(_bridge_path(path)), *addresses]


def _bridge_path(path: Path) -> Path:
    """Where the server at `path` listens for WebSockets."""
    return path.with_name(path.name.replace("server-", "socket-"))


def _server_environment(settings: Settings) -> dict[str, str]:
    """The settings, for a child that reads them from its environment."""
    # Those of APIs come from its environment as they came from ours.
    values = settings.model_dump(mode="json", exclude={"apis"})
    # Secrets hide from whoever prints them, and must not be hidden from the child.
    values |= {name: value.get_secret_value() for name, value in settings if isinstance(value, SecretStr)}
    given = {name.upper(): "" if value is None else str(value) for name, value in values.items()}
    # Without this, modules in the folder that we were started in, such as a `server.py`, would stand before our own.
    return {**os.environ, **given, "PYTHONSAFEPATH": "1"}


def _die_with_parent() -> None:
    """Children must not outlive us, however we end."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PDEATHSIG, signal.SIGTERM)
