"""Others who use a server while faults are made: many idle streams, large bodies, and somebody whose gets are timed.

A program of its own, so that its waits are not those of the test: it is told the ports, a key and how many streams, and writes
one JSON line about what it has seen when its standard input ends.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from contextlib import suppress
from typing import Any

import grpc
import httpx2 as httpx
from orchestrator.v1 import event_service_pb2, event_service_pb2_grpc

# How far apart the gets and the large bodies are, and how many streams share a connection.
GET_SECONDS, LARGE_SECONDS = 0.02, 0.5
TOGETHER = 100
LARGE = b'{"name": "large", "type": "nobody", "steps": [{"agent_type": "nobody", "input": {"x": "' + b"y" * 1_000_000 + b'"}}]}'


class Bystanders:
    def __init__(self, orchestra_port: int, operations_port: int, grpc_port: int, key: str, streams: int) -> None:
        self.orchestra, self.operations = (f"http://127.0.0.1:{port}" for port in (orchestra_port, operations_port))
        self.grpc_port, self.key, self.streams = grpc_port, key, streams
        self.headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        # When each get began, on the clock of the machine, and how long it took.
        self.took: list[tuple[float, float]] = []
        self.statuses: dict[str, int] = {}
        self.heartbeats = self.large = 0

    async def watch(self, channel: grpc.aio.Channel) -> None:
        stub = event_service_pb2_grpc.EventServiceStub(channel)
        while True:
            with suppress(grpc.aio.AioRpcError):
                request = event_service_pb2.WatchRequest(types=["nothing.happens"])
                async for _ in stub.Watch(request, metadata=[("authorization", f"Bearer {self.key}")]):
                    self.heartbeats += 1
            await asyncio.sleep(1)

    async def get(self, client: httpx.AsyncClient, path: str) -> None:
        """Gets the same thing at the same pace, however long each takes: a slow one does not hide others."""
        pending: set[asyncio.Task[None]] = set()

        async def once() -> None:
            began = time.monotonic()
            try:
                status = str((await client.get(path)).status_code)
            except httpx.HTTPError as error:
                status = type(error).__name__
            self.statuses[status] = self.statuses.get(status, 0) + 1
            if status == "200":
                self.took.append((began, time.monotonic() - began))

        try:
            while True:
                if len(pending) < 100:
                    task = asyncio.create_task(once())
                    pending.add(task)
                    task.add_done_callback(pending.discard)
                await asyncio.sleep(GET_SECONDS)
        finally:
            for task in pending:
                task.cancel()

    async def send(self, client: httpx.AsyncClient) -> None:
        while True:
            with suppress(httpx.HTTPError):
                made = await client.post(f"{self.operations}/v1/workflows", content=LARGE)
                if made.status_code == 201:
                    self.large += 1
                    await client.delete(f"{self.operations}/v1/workflows/{made.json()['data']['id']}")
            await asyncio.sleep(LARGE_SECONDS)

    async def session(self, client: httpx.AsyncClient) -> str:
        """What is got later; a server that is down now is asked again."""
        while True:
            with suppress(httpx.HTTPError):
                made = await client.post(f"{self.orchestra}/v1/sessions", json={"name": "bystander"})
                if made.status_code == 201:
                    return made.json()["id"]
            await asyncio.sleep(0.1)

    async def run(self) -> dict[str, Any]:
        async with httpx.AsyncClient(headers=self.headers, timeout=40) as client:
            path = f"{self.orchestra}/v1/sessions/{await self.session(client)}"
            options = [("grpc.use_local_subchannel_pool", 1)]
            count = -(-self.streams // TOGETHER)
            channels = [grpc.aio.insecure_channel(f"127.0.0.1:{self.grpc_port}", options=options) for _ in range(count)]
            tasks = [asyncio.create_task(self.watch(channels[n // TOGETHER])) for n in range(self.streams)]
            tasks += [asyncio.create_task(self.get(client, path)), asyncio.create_task(self.send(client))]
            await asyncio.to_thread(sys.stdin.read)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.gather(*(channel.close() for channel in channels))
        return {
            "statuses": self.statuses,
            "large": self.large,
            "heartbeats": self.heartbeats,
            "took": self.took,
        }


if __name__ == "__main__":
    *ports, key, streams = sys.argv[1:]
    print(json.dumps(asyncio.run(Bystanders(*map(int, ports), key, int(streams)).run())))
