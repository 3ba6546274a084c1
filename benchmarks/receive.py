"""The receivers of webhooks: a process of its own that notes when what came, and one address that never answers."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from datetime import datetime
from typing import ClassVar, cast

import uvloop

HOST = "127.0.0.1"
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_TIMESTAMP = re.compile(rb'"timestamp":"([^"]+)"')


class Receiver(asyncio.Protocol):
    """Answers each request at once."""

    # When each came, and how long after its event, in seconds; shared by all connections.
    came: ClassVar[list[tuple[float, float]]] = []
    more: ClassVar[asyncio.Event] = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begins with nothing read."""
        self._transport, self._read = cast(asyncio.Transport, transport), b""

    def data_received(self, data: bytes) -> None:
        """Answers what is there as a whole."""
        self._read += data
        while (end := self._read.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(self._read, 0, end)
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(self._read) < whole:
                return
            now, stamp = time.time(), _TIMESTAMP.search(self._read, end)
            self._read = self._read[whole:]
            self._transport.write(ANSWER)
            assert stamp is not None
            self.came.append((now, now - datetime.fromisoformat(stamp[1].decode()).timestamp()))
            self.more.set()


async def receive() -> None:
    """Prints the ports, then for each line, which says how many are to come, when they came and how late."""
    loop = asyncio.get_running_loop()
    answering = await loop.create_server(Receiver, HOST, 0)
    hanging = await loop.create_server(asyncio.Protocol, HOST, 0)
    print(json.dumps([each.sockets[0].getsockname()[1] for each in (answering, hanging)]), flush=True)
    while line := (await asyncio.to_thread(sys.stdin.readline)).strip():
        while len(Receiver.came) < int(line):
            Receiver.more.clear()
            await Receiver.more.wait()
        print(json.dumps(Receiver.came), flush=True)
        Receiver.came.clear()


if __name__ == "__main__":
    uvloop.run(receive())
