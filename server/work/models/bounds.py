"""Bounds of what providers answer, and of what they are told of us."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import httpx2

from server.pace import Pace

# Bytes: of one event of a stream, of a stream, of a list of models, and of what is read of an error.
EVENT, STREAM, LIST, ERROR = 256 << 10, 64 << 20, 4 << 20, 64 << 10
# So much is taken apart at once: what is nothing but ends of lines takes a microsecond a byte.
_PART = 4096
_ENDS = (b"\n\n", b"\n\r\n", b"\r\r")
_SENT = frozenset(
    {"host", "accept", "accept-encoding", "connection", "user-agent", "content-type", "content-length", "traceparent"}
)


class TooMuch(Exception):
    """More than there may be, or packed so that nobody knows how much it is."""


async def bounded(response: httpx2.Response) -> None:
    """Lets no more of a response be read than there may be. A hook of the client."""
    if response.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise TooMuch("it is compressed, which nobody asked for")
    stream = response.stream
    assert isinstance(stream, httpx2.AsyncByteStream)
    if response.status_code != httpx2.codes.OK:
        response.stream = _Bounded(stream, ERROR, ERROR, cut=True)
    elif response.request.method == "POST":
        response.stream = _Bounded(stream, STREAM, EVENT)
    else:
        response.stream = _Bounded(stream, LIST, LIST)


def stripped(key: str) -> Callable[[httpx2.Request], Awaitable[None]]:
    """A hook that sends a provider which is not OpenAI only what is meant for it.

    The library adds what it finds in the environment for OpenAI: an organization, a project, any headers, and what
    machine this is.
    """

    async def strip(request: httpx2.Request) -> None:
        for name in [each for each in request.headers if each.lower() not in _SENT]:
            del request.headers[name]
        if key:
            request.headers["authorization"] = f"Bearer {key}"

    return strip


class _Bounded(httpx2.AsyncByteStream):
    """A body of at most so many bytes, of which at most so many lie between two empty lines."""

    def __init__(self, stream: httpx2.AsyncByteStream, most: int, event: int, *, cut: bool = False) -> None:
        self._stream = stream
        self._most = most
        self._event = event
        # Whether the rest is left out instead of being an error.
        self._cut = cut

    async def __aiter__(self) -> AsyncIterator[bytes]:
        pace, total, since, before = Pace(), 0, 0, b""
        async for data in self._stream:
            total += len(data)
            if total > self._most:
                if self._cut:
                    # Its beginning is what it says.
                    yield data[: max(0, len(data) - (total - self._most))]
                    return
                raise TooMuch("it is too long")
            for start in range(0, len(data), _PART):
                part = data[start : start + _PART] if len(data) > _PART else data
                seen = before + part
                end = max(seen.rfind(each) for each in _ENDS)
                since = since + len(part) if end < 0 else len(seen) - end
                if since > self._event:
                    raise TooMuch("one piece of it is too long")
                before = seen[-2:]
                yield part
                await pace.turn()

    async def aclose(self) -> None:
        await self._stream.aclose()
