"""The sockets' client: a process of its own that holds many WebSockets open, and notes when each frame arrives."""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from datetime import datetime
from pathlib import Path

import uvloop
from websockets.asyncio.client import ClientConnection, connect

OPENING = 50


class Listener:
    """One socket, and what came: the numbers of events, and how late each was in milliseconds."""

    def __init__(self) -> None:
        self.raw: list[tuple[float, str]] = []

    async def open(self, url: str, key: str) -> None:
        """Connects and subscribes."""
        headers = {"authorization": f"Bearer {key}"}
        self._socket: ClientConnection = await connect(
            url, additional_headers=headers, compression=None, ping_interval=None, open_timeout=60
        )
        await self._socket.send(json.dumps({"type": "subscribe", "channel": "task_events"}))
        async for text in self._socket:
            if json.loads(text)["type"] == "subscribed":
                break
        self._listening = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        async for text in self._socket:
            self.raw.append((time.time(), str(text)))

    async def close(self) -> None:
        """Goes away."""
        self._listening.cancel()
        await asyncio.gather(self._listening, return_exceptions=True)
        self._socket.transport.abort()

    def received(self) -> list[tuple[int, float]]:
        """What counts of what came."""
        frames = [(at, json.loads(text)) for at, text in self.raw]
        return [
            (int(frame["id"]), (at - datetime.fromisoformat(frame["timestamp"]).timestamp()) * 1000)
            for at, frame in frames
            if frame["type"] == "task_created"
        ]


async def listen(url: str, key: str, sockets: int, events: int, grace: float) -> list[list[tuple[int, float]]]:
    """Opens the sockets, says so, waits until the parent says that all was sent, and returns what each got."""
    listeners = [Listener() for _ in range(sockets)]
    for start in range(0, sockets, OPENING):
        await asyncio.gather(*(each.open(url, key) for each in listeners[start : start + OPENING]))
    # The client's own pauses are not the server's.
    gc.collect()
    gc.disable()
    print("open", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    deadline = time.monotonic() + grace
    while time.monotonic() < deadline and any(len(each.raw) < events for each in listeners):  # noqa: ASYNC110
        await asyncio.sleep(0.2)
    for each in listeners:
        await each.close()
    return [each.received() for each in listeners]


def main() -> None:
    """Reads what to do from a line of standard input, and writes what arrived into the file that it names."""
    wanted = json.loads(sys.stdin.readline())
    answer = Path(wanted.pop("answer"))
    answer.write_text(json.dumps(uvloop.run(listen(**wanted))))


if __name__ == "__main__":
    main()
