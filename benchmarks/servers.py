"""The servers that are measured: each runs on free ports of this machine, in a folder of its own."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.load import ROOT, Failed
from server.settings import Settings

HOST = "127.0.0.1"
READY_SECONDS = 120
STOP_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: its REST port, its database file, and what ours has besides."""

    port: int
    database: Path
    grpc_port: int = 0
    key: str = ""
    operations_port: int = 0

    def request(self, method: str, path: str, body: object = None) -> str:
        """A whole HTTP/1.1 request, ready to send."""
        text = "" if body is None else json.dumps(body, separators=(",", ":"))
        lines = [f"{method} {path} HTTP/1.1", f"host: {HOST}:{self.port}", "accept: application/json"]
        if self.key:
            lines.append(f"authorization: Bearer {self.key}")
        if body is not None:
            lines += ["content-type: application/json", f"content-length: {len(text.encode())}"]
        return "\r\n".join([*lines, "", text])


@asynccontextmanager
async def orchestrator(folder: Path, *flags: str, **variables: str) -> AsyncIterator[Server]:
    """`orchestrator up --no-quotas` with its data in `folder`, once it says that it is ready.

    `flags` go on its command line, `variables` into its environment.
    """
    command = Path(sys.executable).with_name("orchestrator")
    if not command.exists():
        raise Failed("the project is not installed in this environment: there is no `orchestrator` command")
    port, grpc_port, operations_port = free_ports(3)
    arguments = [str(command), "up", "--no-quotas", "--data-dir", str(folder), "--host", HOST, *flags]
    ports = {"--orchestra-port": port, "--grpc-port": grpc_port, "--operations-port": operations_port}
    arguments += [f"{flag}={number}" for flag, number in ports.items()]
    settings = {name.upper() for name in Settings.model_fields}
    environment = {name: value for name, value in os.environ.items() if name.upper() not in settings}
    # Sockets go beside the data, so that nothing is left behind.
    # And nothing reads documents a second time, for their vectors, where that is not what is measured.
    environment |= {"TMPDIR": str(folder.parent), "SEMANTIC_SEARCH": "off", **variables}
    async with _process(arguments, environment, folder.with_suffix(".log")) as process:
        assert process.stdout is not None
        async with asyncio.timeout(READY_SECONDS):
            async for line in process.stdout:
                if line.startswith(b"ready"):
                    break
            else:
                raise Failed(f"orchestrator up ended before it was ready: {_tail(folder.with_suffix('.log'))}")
        key = (folder / "dev-api-key").read_text().strip()
        yield Server(port, folder / "orchestrator.db", grpc_port, key, operations_port)


@asynccontextmanager
async def fastapi_peer(folder: Path) -> AsyncIterator[Server]:
    """The FastAPI peer with its database in `folder`, once it answers."""
    folder.mkdir()
    (port,) = free_ports(1)
    arguments = [sys.executable, "-m", "uvicorn", "benchmarks.peer:app", "--host", HOST, "--port", str(port)]
    arguments += ["--loop=uvloop", "--http=httptools", "--workers=1", "--no-access-log", "--log-level=warning"]
    database = folder / "peer.db"
    # FastAPI can export telemetry where the environment asks for it; that would cost it time.
    environment = {name: value for name, value in os.environ.items() if "OTEL_" not in name}
    environment |= {"PEER_DATABASE": str(database), "OTEL_SDK_DISABLED": "true"}
    async with _process(arguments, environment, folder.with_suffix(".log")) as process:
        await _until_accepting(port, process, folder.with_suffix(".log"))
        yield Server(port, database)


@asynccontextmanager
async def aiohttp_peer(folder: Path) -> AsyncIterator[Server]:
    """The aiohttp peer, which writes into `folder`, once it answers."""
    folder.mkdir()
    (port,) = free_ports(1)
    arguments = [sys.executable, "-m", "benchmarks.upload_peer", str(port)]
    async with _process(arguments, {**os.environ, "PEER_FOLDER": str(folder)}, folder.with_suffix(".log")) as process:
        await _until_accepting(port, process, folder.with_suffix(".log"))
        yield Server(port, folder)


@asynccontextmanager
async def model_peer(folder: Path) -> AsyncIterator[Server]:
    """The model server that answers at once."""
    folder.mkdir()
    (port,) = free_ports(1)
    arguments = [sys.executable, "-m", "benchmarks.model_peer", str(port)]
    async with _process(arguments, dict(os.environ), folder.with_suffix(".log")) as process:
        await _until_accepting(port, process, folder.with_suffix(".log"))
        yield Server(port, folder)


async def _until_accepting(port: int, process: asyncio.subprocess.Process, log: Path) -> None:
    async with asyncio.timeout(READY_SECONDS):
        while not await _accepts(port):
            if process.returncode is not None:
                raise Failed(f"the peer ended before it was ready: {_tail(log)}")
            await asyncio.sleep(0.05)


async def ask(server: Server, method: str, path: str, body: object = None) -> tuple[int, object]:
    """Sends one request, and returns the status and the JSON of its answer."""
    async with asyncio.timeout(READY_SECONDS):
        reader, writer = await asyncio.open_connection(HOST, server.port)
        request = server.request(method, path, body).replace("\r\n", "\r\nconnection: close\r\n", 1)
        writer.write(request.encode())
        head, _, content = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
    return int(head[9:12]), json.loads(content)


def free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago."""
    sockets = [socket.create_server((HOST, 0)) for _ in range(count)]
    ports: list[int] = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


@asynccontextmanager
async def _process(
    arguments: Sequence[str], environment: dict[str, str], log: Path
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A child that is asked to stop in the end, and made to where it does not."""
    with log.open("ab") as file:
        process = await asyncio.create_subprocess_exec(
            *arguments, env=environment, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=file
        )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()


async def _accepts(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    writer.close()
    return True


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-1000:]
