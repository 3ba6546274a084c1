"""The process that starts the others, starts them again when they die, and ends them in the right order.

It loads the program once and forks the servers: one that has died is back without loading it again, and several share
what is loaded. So nothing here may start a thread or an event loop, of which a fork would take half along.
"""

from __future__ import annotations

import fcntl
import gc
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO, NoReturn, TextIO

from gateway import tls
from gateway.envoy import Gateway, command, environment
from server.apis import declarations
from server.certificates import LOOK_SECONDS
from server.errors import Misconfigured
from server.private_files import own_folder, private_folder, unusable
from server.running import answers
from server.running.forks import Signals, Stopped, fork
from server.settings import Settings

READY_SECONDS = 60.0
RESTART_SECONDS = 1.0
# Who lived for as long was well until something befell it, so the next one need not wait.
WELL_SECONDS = 5.0
_LOOK_SECONDS = 0.05


def say(text: str, stream: TextIO | None = None) -> None:
    """A line for the operator, on standard error where nothing else is said; he need not be listening any more."""
    with suppress(OSError, ValueError):
        print(text, file=stream or sys.stderr, flush=True)


class Refused(Exception):
    """Nothing was started; the message says why."""


def supervise(settings: Settings) -> int:
    """Runs everything until SIGTERM or SIGINT; returns the exit code. Raises Refused, Misconfigured."""
    if settings.plain:
        raise Refused(settings.plain)
    private_folder(settings.data_dir)
    with _only_one(settings.data_dir) as lock, Signals() as signals:
        own_folder(settings.run_dir)
        _check_ports(settings)
        try:
            return _Supervisor(settings, signals, lock).run()
        finally:
            shutil.rmtree(settings.run_dir, ignore_errors=True)


def _only_one(data_dir: Path) -> IO[str]:
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


class _Child:
    """A process that is started again when it has ended."""

    def __init__(self, name: str, body: Callable[[], int]) -> None:
        self.name = name
        self._body = body
        self._started = 0.0
        # When it is to be started, by the monotonic clock; None while it runs.
        self.due: float | None = 0.0
        self._process = 0

    def start(self) -> None:
        """Where that cannot be done now, it is tried again later."""
        self._started = time.monotonic()
        try:
            self._process = fork(self.name, self._body)
        except OSError as error:
            self.due = self._started + RESTART_SECONDS
            say(f"{self.name} cannot be started: {error.strerror}")
        else:
            self.due = None

    @property
    def runs(self) -> bool:
        return self.due is None

    def ended(self) -> int | None:
        """The exit code, negative for a signal, when it has ended since it was last asked."""
        if not self.runs:
            return None
        process, status = os.waitpid(self._process, os.WNOHANG)
        if not process:
            return None
        code, now = os.waitstatus_to_exitcode(status), time.monotonic()
        # One that somebody has stopped is well too.
        self.due = now if not code or now - self._started > WELL_SECONDS else now + RESTART_SECONDS
        return code

    def send(self, number: int) -> None:
        if self.runs:
            os.kill(self._process, number)


class _Supervisor:
    """One run."""

    def __init__(self, settings: Settings, signals: Signals, lock: IO[str]) -> None:
        self._settings = settings
        self._signals = signals
        self._lock = lock
        # Whether a server says that it cannot run, however often it is started.
        self._hopeless = False
        self._certificate = settings.certificate
        # What the gateway has.
        self._shown = self._certificate.read() if self._certificate is not None else None
        self._sockets = [settings.run_dir / f"server-{index}.sock" for index in range(settings.workers)]
        self._gateway = _Child("gateway", self._be_gateway)
        self._servers = [
            _Child(f"server-{index}", partial(self._be_server, path, os.getpid()))
            for index, path in enumerate(self._sockets)
        ]

    def run(self) -> int:
        try:
            # It writes its configuration while we load what servers are made of.
            self._gateway.start()
            try:
                with self._signals.interrupting():
                    _load()
            except Stopped:
                return 0
            if not self._gets_ready():
                return int(self._hopeless or not self._signals.stopping)
            self._announce()
            settings = self._settings
            say(f"ready  {self._scheme}://{settings.host}:{settings.orchestra_port}", sys.stdout)
            while not self._stopping:
                self._keep(LOOK_SECONDS if self._certificate is not None else None)
                self._renew()
            return int(self._hopeless)
        finally:
            # While servers end, the gateway carries the answers of running calls.
            self._end(self._servers)
            self._end([self._gateway])

    @property
    def _stopping(self) -> bool:
        return self._signals.stopping or self._hopeless

    def _gets_ready(self) -> bool:
        """Whether the gateway answers in time, with servers behind it."""
        host, port, deadline = self._settings.host, self._settings.orchestra_port, time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline and not self._stopping:
            self._keep(_LOOK_SECONDS)
            if all(map(answers.listens, self._sockets)) and self._answers(host, port):
                return True
        if not self._stopping:
            say(f"the gateway did not answer within {READY_SECONDS:.0f} seconds")
        return False

    def _answers(self, host: str, port: int) -> bool:
        if self._shown is not None and self._shown.client_authorities is not None:
            # Whoever has no certificate of theirs learns no more.
            return answers.shakes_hands(host, port)
        encrypted = self._shown is not None
        return answers.asks(host, port, encrypted=encrypted) and answers.asks_for_socket(
            host, port, encrypted=encrypted
        )

    def _renew(self) -> None:
        """Gives the gateway the certificate anew where it has changed; what will not do leaves the one before."""
        if self._certificate is None:
            return
        try:
            self._certificate.renewed()
            pair = self._certificate.pair
            if pair is not None and pair is not self._shown:
                tls.write(pair, self._settings.run_dir)
                self._shown = pair
                say("the certificate has been renewed")
        except (Misconfigured, OSError) as error:
            say(f"the certificate cannot be renewed: {error}")

    @property
    def _scheme(self) -> str:
        return "http" if self._certificate is None else "https"

    def _keep(self, seconds: float | None) -> None:
        """Starts children that do not run, and waits until something happens, at most for so long."""
        children = [self._gateway, *self._servers]
        for child in children:
            if child.due is not None and child.due <= time.monotonic():
                child.start()
        now = time.monotonic()
        waits = [max(0.0, child.due - now) for child in children if child.due is not None]
        self._signals.wait(min([*waits, seconds] if seconds is not None else waits, default=None))
        for child in children:
            code = child.ended()
            self._hopeless |= code == os.EX_CONFIG
            if code is not None and not self._stopping:
                say(f"{child.name} ended with {code}; starting it again")

    def _end(self, children: Sequence[_Child]) -> None:
        for child in children:
            child.send(signal.SIGTERM)
        # A server ends by itself before that, if it can.
        deadline = time.monotonic() + self._settings.stop_seconds + 2
        while any(child.ended() is None and child.runs for child in children):
            if time.monotonic() > deadline:
                for child in children:
                    child.send(signal.SIGKILL)
            self._signals.wait(_LOOK_SECONDS * 10)

    def _be_gateway(self) -> NoReturn:
        settings = self._settings
        gateway = Gateway(
            settings.host,
            settings.orchestra_port,
            settings.operations_port,
            self._sockets,
            [_bridge_path(path) for path in self._sockets],
            settings.origins,
            self._certificate.pair if self._certificate is not None else None,
        )
        try:
            arguments = command(gateway, settings.run_dir)
        except Exception as error:
            # It would be so each time.
            say(f"the gateway cannot be configured: {error}")
            os._exit(os.EX_CONFIG)
        os.execve(arguments[0], arguments, environment())  # noqa: S606 — Envoy, which its package has brought

    def _be_server(self, path: Path, supervisor: int) -> int:
        # It must not keep another supervisor from this folder when ours is gone.
        self._lock.close()
        # Otherwise modules in the folder that we were started in would stand before others in processes of its own.
        os.environ["PYTHONSAFEPATH"] = "1"
        from server.running.process import run  # noqa: PLC0415 — loaded long since

        settings = self._settings
        addresses = [f"unix:{path}", f"{settings.host}:{settings.grpc_port}"]
        return run(settings, addresses, _bridge_path(path), supervisor, self._certificate)

    def _announce(self) -> None:
        settings = self._settings
        if settings.exposed:
            say(settings.exposed)
        host = settings.host
        ports = {"orchestra": settings.orchestra_port, "operations": settings.operations_port}
        for api in declarations():
            if api.listener is not None:
                address = f"{self._scheme}://{host}:{ports[api.listener]}"
                say(f"{api.title:24} {address}{api.routes[0].prefix}", sys.stdout)
        say(f"{'gRPC':24} {host}:{settings.grpc_port}", sys.stdout)
        if settings.environment == "development":
            key = settings.key_path.read_text().strip()
            say(f"{'development key':24} {key}  (in {settings.key_path})", sys.stdout)


def _load() -> None:
    """Imports what servers are made of. It stays, so nobody need look for garbage in it, which would unshare it too."""
    gc.disable()
    from server import apis  # noqa: PLC0415 — whoever is refused before need not wait for it
    from server.running import process  # noqa: F401, PLC0415

    apis.load()
    gc.freeze()
    gc.enable()


def _bridge_path(path: Path) -> Path:
    """Where the server at `path` listens for WebSockets."""
    return path.with_name(path.name.replace("server-", "socket-"))
