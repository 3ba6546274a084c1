"""What goes on over one WebSocket, whichever API it is of: events in order, as fast as they are read, and answers."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from google.api.httpbody_pb2 import HttpBody

from server.apikit.frames import Seats, said
from server.core.events.stream import EventFilter, EventStreams
from server.core.shared.call_context import Call
from server.errors import ServiceError
from server.model import Event

# Frames, or pages of events, that wait for whoever reads: who does not read is not sent more.
QUEUED = 4
Request = TypeVar("Request")


class Wanted(EventFilter, ABC):
    """Which events a socket wants just now. An event counts once, for however many reasons it is wanted."""

    def __init__(self, seen: int = 0) -> None:
        super().__init__()
        # The last event that was looked at, wanted or not.
        self.seen = seen

    def takes(self, event: Event) -> bool:
        """Whether the socket wants an event."""
        self.seen = event.number
        return self.has(event)

    @abstractmethod
    def has(self, event: Event) -> bool:
        """The same, without noting it."""


class Conversation(ABC, Generic[Request]):
    """One socket's. `frames` is what the server says; it reads requests meanwhile."""

    def __init__(self, events: EventStreams, call: Call, wanted: Wanted, seats: Seats, *, slow_after: int) -> None:
        self._events = events
        self._call = call
        self._following = wanted
        self._seats = seats
        self._slow_after = slow_after
        self._told_slow = False
        self._seat: str | None = None
        # Taken by whoever sends events, so that those of the past and those of now stay in order.
        self._turn = asyncio.Lock()
        self._out: asyncio.Queue[Sequence[HttpBody] | Exception | None] = asyncio.Queue(QUEUED)
        self._works: set[asyncio.Task[None]] = set()

    async def frames(self, requests: AsyncIterator[Request]) -> AsyncIterator[HttpBody]:
        """Everything that is to be sent. Raises what the socket is to be closed for."""
        try:
            self._start(self._read, requests)
            while (each := await self._out.get()) is not None:
                if isinstance(each, Exception):
                    raise each
                for frame in each:
                    yield frame
        finally:
            # First of all, and without waiting: whoever stops this may be in a hurry.
            self._stand_up()
            for work in self._works:
                work.cancel()
            await asyncio.gather(*self._works, return_exceptions=True)

    @abstractmethod
    async def _read(self, requests: AsyncIterator[Request]) -> None:
        """Answers what the client says. What it raises, the socket is closed for."""

    @abstractmethod
    async def _shown(self, events: Sequence[Event]) -> Sequence[HttpBody]:
        """The frames of events that were wanted when they came."""

    async def _quiet(self) -> None:
        """There was no event for a while."""

    def _explained(self, error: ServiceError) -> Mapping[str, Any]:
        """What a client is told of an error."""
        return {"code": error.reason, "message": error.message, "details": error.details}

    def _sit_down(self) -> None:
        """Counts the socket as one of its key's. Raises TooMany."""
        key = self._call.caller.key_id
        self._seats.enter(key)
        self._seat = key

    def _stand_up(self) -> None:
        if self._seat is not None:
            self._seats.leave(self._seat)
            self._seat = None

    def _start(self, work: Callable[..., Awaitable[None]], *arguments: Any) -> None:
        task = asyncio.create_task(self._guarded(work, *arguments))
        self._works.add(task)
        task.add_done_callback(self._works.discard)

    async def _guarded(self, work: Callable[..., Awaitable[None]], *arguments: Any) -> None:
        """What goes wrong goes to the frames as an exception, and ends them."""
        try:
            await work(*arguments)
        except Over as over:
            await self._out.put(over.error)
        except Exception as error:
            await self._out.put(error)

    async def _say(self, type: str, payload: dict[str, Any], reply_to: str = "") -> None:
        await self._out.put([said(type, payload, reply_to)])

    async def _complain(self, error: ServiceError, reply_to: str = "") -> None:
        await self._say("error", dict(self._explained(error)), reply_to)

    async def _follow(self, after: int) -> None:
        """Sends what is wanted of the feed, as fast as it is read."""
        try:
            async for events in self._events.follow(self._call, after, self._following):
                async with self._turn:
                    slow = self._out.full()
                    if not events:
                        await self._quiet()
                    elif frames := await self._shown(events):
                        await self._out.put(frames)
                    if slow or self._told_slow:
                        await self._tell_slow()
        except ServiceError as error:
            await self._complain(error)
            raise

    async def _tell_slow(self) -> None:
        """Says so once when the reader is far behind, and again when it was not for a while."""
        cursor = self._following.seen
        behind = await self._events.begin(self._call, None) - cursor
        if behind > self._slow_after and not self._told_slow:
            await self._say("slow_consumer", {"behind": behind, "cursor": str(cursor)})
        self._told_slow = behind > (self._slow_after // 2 if self._told_slow else self._slow_after)


class Over(Exception):
    """The socket is to be closed for `error`, and has been told."""

    def __init__(self, error: ServiceError) -> None:
        super().__init__()
        self.error = error
