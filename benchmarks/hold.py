"""The client of streams that nobody reads: a process of its own that opens many, and then only holds them."""

from __future__ import annotations

import asyncio
import json
import resource
import socket
import sys
from typing import Any

import grpc
from orchestrator.v1.event_service_pb2 import WatchRequest

from benchmarks.watch import WATCH

HOST = "127.0.0.1"
# As a slow reader's machine has it: what it has not read stays with the server.
RECEIVE_BYTES = 4096
# As many gRPC streams share a connection.
TOGETHER = 100


def hold_sse(port: int, count: int, request: str) -> list[socket.socket]:
    """As many `GET /v1/events`, each on a connection of its own."""
    opened = []
    for _ in range(count):
        each = socket.socket()
        each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
        each.connect((HOST, port))
        each.sendall(request.encode())
        opened.append(each)
    for each in opened:
        if each.recv(12) != b"HTTP/1.1 200":
            raise ConnectionError("a stream was refused")
    return opened


async def hold_grpc(port: int, count: int, key: str, after: int | None) -> list[Any]:
    """As many `Watch`."""
    calls: list[Any] = []
    for number in range(count):
        if number % TOGETHER == 0:
            options = [("grpc.use_local_subchannel_pool", 1)]
            channel = grpc.aio.insecure_channel(f"{HOST}:{port}", options=options)
            watch: Any = channel.unary_stream(WATCH, request_serializer=WatchRequest.SerializeToString)
        calls.append(watch(WatchRequest(after=after), metadata=(("authorization", f"Bearer {key}"),)))
    await asyncio.gather(*(call.initial_metadata() for call in calls))
    return calls


async def hold(kind: str, **wanted: Any) -> None:
    """Opens the streams, says so, and holds them until the parent says that it has seen enough."""
    held = await hold_grpc(**wanted) if kind == "grpc" else hold_sse(**wanted)
    print("open", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    if kind == "grpc":
        for call in held:
            call.cancel()


def main() -> None:
    """Reads what to hold from a line of standard input."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, most), most))
    asyncio.run(hold(**json.loads(sys.stdin.readline())))


if __name__ == "__main__":
    main()
