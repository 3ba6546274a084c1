"""A way to a server that may fall silent: connections stay, and nothing passes any more."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from urllib.parse import urlsplit


class Silence:
    """Passes on what comes to `port` to a database, in a thread, until it falls `silent`."""

    def __init__(self, url: str) -> None:
        self._to = urlsplit(url)
        self.silent = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._server = self._loop.run_until_complete(asyncio.start_server(self._connected, "127.0.0.1", 0))
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = url.replace(f"{self._to.hostname}:{self._to.port}", f"127.0.0.1:{self.port}")
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection(self._to.hostname, self._to.port)
        await asyncio.gather(self._pass(reader, there[1]), self._pass(there[0], writer))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while (data := await reader.read(65536)) and not self.silent.is_set():
                writer.write(data)
        if not self.silent.is_set():
            writer.close()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()
