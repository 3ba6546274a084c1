"""A proxy before PostgreSQL that can go silent, as a network does that loses connections without a word."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

# After which time a database that keeps its connections alive gives up one over which nothing comes back.
GIVEN_UP_SECONDS = 30.0


class Proxy:
    """Passes bytes on, but for those of connections that have been silenced."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 5432
        self._url = parts
        # What lets bytes through on each open connection, with its way to the database.
        self._passing: dict[asyncio.Event, asyncio.StreamWriter] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        # What each connection has sent first.
        self.greetings: list[bytes] = []

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        account = self._url.netloc.rpartition("@")[0]
        self.url = self._url._replace(netloc=f"{account}@127.0.0.1:{port}").geturl()

    def silence(self) -> int:
        """Lets nothing more through on the connections that are open now; returns how many those are.

        The database hears of it when its own probes have gone unanswered for long; the program never does.
        """
        silenced = list(self._passing.items())
        self._passing.clear()
        for passing, back in silenced:
            passing.clear()
            asyncio.get_running_loop().call_later(GIVEN_UP_SECONDS, back.transport.abort)
        return len(silenced)

    async def close(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.add(asyncio.current_task())
        there, back = await asyncio.open_connection(self._host, self._port)
        passing = asyncio.Event()
        passing.set()
        self._passing[passing] = back
        self.greetings.append(b"")
        place = len(self.greetings) - 1

        async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter, *, note: bool) -> None:
            with suppress(OSError):
                while data := await source.read(65536):
                    await passing.wait()
                    if note and len(self.greetings[place]) < 1000:
                        self.greetings[place] += data
                    target.write(data)
                    await target.drain()
                await passing.wait()
            target.close()

        # Who serves a stream must not end as cancelled: that would be logged as an error.
        with suppress(asyncio.CancelledError):
            await asyncio.gather(pump(reader, back, note=True), pump(there, writer, note=False))
        self._passing.pop(passing, None)
        for each in (writer, back):
            each.close()


@asynccontextmanager
async def proxied(url: str) -> AsyncIterator[Proxy]:
    """A proxy before the database at `url`; its own address is `proxy.url`."""
    proxy = Proxy(url)
    await proxy.open()
    try:
        yield proxy
    finally:
        await proxy.close()
