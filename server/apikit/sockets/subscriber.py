"""The subscriber of a WebSocket, whichever API it is of: events in order, as fast as they are read, and answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Generic

from google.api.httpbody_pb2 import HttpBody

from server.apikit.sockets.frames import Name, name_of
from server.apikit.sockets.socket_protocol import R, SocketDependencies, SocketProtocol
from server.core.shared.call_context import Call
from server.errors import Conflict, Forbidden, InvalidRequest, ServiceError, TooMany, Unauthorized

# Frames, or pages of events, that wait for whoever reads: who does not read is not sent more.
QUEUED = 4
AUTH_SECONDS = 10.0
TOPICS = 50


class Subscriber(Generic[R]):
    """One socket's. `frames` is what the server says; it reads requests meanwhile."""

    def __init__(self, protocol: SocketProtocol[R], shared: SocketDependencies, call: Call) -> None:
        self.call = call
        self.topics = protocol.topics(call)
        # Taken by whoever sends events, so that those of the past and those of now stay in order.
        self.turn = asyncio.Lock()
        self._protocol = protocol
        self._events = shared.events
        self._slow_after = shared.slow_after
        self._told_slow = False
        self._admitted = False
        self._out: asyncio.Queue[Sequence[HttpBody] | Exception | None] = asyncio.Queue(QUEUED)
        self._works: set[asyncio.Task[None]] = set()
        self._begun: set[str] = set()
        # What is done when a frame, by its identity, has been sent.
        self._when_sent: dict[int, Callable[[], Awaitable[None]]] = {}

    async def frames(self, requests: AsyncIterator[R]) -> AsyncIterator[HttpBody]:
        """Everything that is to be sent. Raises what the socket is to be closed for."""
        try:
            self.start(self._read, requests)
            while (each := await self._out.get()) is not None:
                if isinstance(each, Exception):
                    raise each
                for frame in each:
                    yield frame
                    # It has been taken by whoever sends it.
                    if (sent := self._when_sent.pop(id(frame), None)) is not None:
                        self.start(sent)
        finally:
            for work in self._works:
                work.cancel()
            await asyncio.gather(*self._works, return_exceptions=True)

    @property
    def busy(self) -> bool:
        """Whether so much waits for the reader that it need not be told that there is nothing."""
        return self._out.full()

    async def send(self, frames: Sequence[HttpBody]) -> None:
        """Sends frames that belong together."""
        await self._out.put(frames)

    async def send_last(self, frame: HttpBody, then: Callable[[], Awaitable[None]]) -> None:
        """Sends a frame, and does something when it has gone."""
        self._when_sent[id(frame)] = then
        await self._out.put([frame])

    def over(self, error: ServiceError) -> Exception:
        """What a command raises for which the socket is to be closed."""
        return _Over(error)

    async def say(self, type: str, payload: dict[str, Any], reply_to: Name = "") -> None:
        """Sends a frame that is no event."""
        await self._out.put([self._protocol.said(type, payload, reply_to)])

    def start(self, work: Callable[..., Awaitable[None]], *arguments: Any) -> None:
        """Does something beside the rest, until the socket is closed; what it raises, the socket is closed for."""
        task = asyncio.create_task(self._guarded(work, *arguments))
        self._works.add(task)
        task.add_done_callback(self._works.discard)

    def begin_once(self, work: str) -> bool:
        """Whether nobody has asked this before about this work, for which one is enough."""
        new = work not in self._begun
        self._begun.add(work)
        return new

    async def locate(self, since: int | None) -> int:
        """The number after which a socket begins: now, or what it has seen. Raises InvalidRequest, CursorGone."""
        if since is not None and since < 0:
            raise InvalidRequest("since", "must be the id of an event, or 0")
        return await self._events.begin(self.call, since)

    def follow(self, after: int) -> None:
        """From here on the socket is sent what it wants."""
        self.topics.seen = after
        self.start(self._follow, after)

    def require(self, *scopes: str) -> None:
        """Events show as much of a resource as reading it does. Raises Forbidden."""
        for scope in scopes:
            if not self.call.caller.may(scope):
                raise Forbidden(f"this key lacks the scope {scope}", details={"scope": scope})

    async def authenticate(self, key: str, request: R) -> None:
        """The caller says in a request who he is; where he is nobody, or may have no more, the socket is closed.

        Raises Conflict.
        """
        if self._admitted:
            raise Conflict("this socket has said who it is", reason="ALREADY_AUTHENTICATED")
        try:
            await self.call.authenticate(key)
        except ServiceError as error:
            await self._complain(error, name_of(request))
            raise _Over(error) from error
        await self._admit(request)

    async def subscribe(self, topic: Any, since: int | None, confirm: Callable[[int], HttpBody]) -> None:
        """Wants a topic too: what follows `since` where it is given, and what comes from now on.

        Raises TooMany, InvalidRequest, CursorGone.
        """
        if topic not in self.topics.after and len(self.topics.after) >= TOPICS:
            raise TooMany(self._protocol.full.format(limit=TOPICS), details={"limit": TOPICS})
        after = await self.locate(since)
        async with self.turn:
            known = self.topics.after.pop(topic, None)
            until = self.topics.seen
            others = self.topics.only(dict(self.topics.after))
            self.topics.after[topic] = after if since is not None or known is None else known
            await self.send([confirm(after)])
            while since is not None and after < until:
                before = after
                events, after, _ = await self._events.page(self.call, before, self.topics.only({topic: before}))
                if after == before:
                    break
                missed = [event for event in events if event.number <= until and not others.has(event)]
                if missed:
                    await self.send(await self._protocol.render(self, missed))

    async def _read(self, requests: AsyncIterator[R]) -> None:
        if self.call.organization_id:
            await self._admit(None)
        try:
            async with asyncio.timeout(None if self._admitted else AUTH_SECONDS) as patience:
                first = True
                async for request in requests:
                    if first:
                        await self._protocol.opened(self, request)
                    # What the path and the query say comes first, and is mostly no more than that.
                    if not first or request.type or request.invalid_frame:
                        await self._answer(request)
                    first = False
                    if self._admitted:
                        patience.reschedule(None)
        except TimeoutError:
            error = Unauthorized(f"say who you are within {AUTH_SECONDS:g} seconds")
            await self._complain(error)
            raise error from None
        if not self.topics.after:
            await self._out.put(None)

    async def _answer(self, request: R) -> None:
        commands = self._protocol.commands
        try:
            await self._protocol.heard(self, request)
            if request.invalid_frame:
                raise InvalidRequest("frame", request.invalid_frame)
            if request.type not in commands:
                raise InvalidRequest("type", f"must be one of {', '.join(commands)}")
            if not self._admitted and request.type not in self._protocol.open_to_all:
                if not await self.call.be_guest():
                    raise Unauthorized(self._protocol.unknown)
                await self._admit(None)
            await commands[request.type](self, request)
        except ServiceError as error:
            await self._complain(error, name_of(request))

    async def _admit(self, request: R | None) -> None:
        """The caller is known."""
        self._admitted = True
        await self._protocol.admitted(self, request)

    async def _guarded(self, work: Callable[..., Awaitable[None]], *arguments: Any) -> None:
        """What goes wrong goes to the frames as an exception, and ends them."""
        try:
            await work(*arguments)
        except _Over as over:
            await self._out.put(over.error)
        except Exception as error:
            await self._out.put(error)

    async def _complain(self, error: ServiceError, reply_to: Name = "") -> None:
        await self.say("error", self._protocol.explained(error, self.call.request_id), reply_to)

    async def _follow(self, after: int) -> None:
        """Sends what is wanted of the feed, as fast as it is read."""
        try:
            async for events in self._events.follow(self.call, after, self.topics):
                async with self.turn:
                    slow = self._out.full()
                    if not events:
                        await self._protocol.quiet(self)
                    elif frames := await self._protocol.render(self, events):
                        await self._out.put(frames)
                    if slow or self._told_slow:
                        await self._tell_slow()
        except ServiceError as error:
            await self._complain(error)
            raise

    async def _tell_slow(self) -> None:
        """Says so once when the reader is far behind, and again when it was not for a while."""
        cursor = self.topics.seen
        behind = await self._events.begin(self.call, None) - cursor
        if behind > self._slow_after and not self._told_slow:
            await self.say("slow_consumer", {"behind": behind, "cursor": str(cursor)})
        self._told_slow = behind > (self._slow_after // 2 if self._told_slow else self._slow_after)


class _Over(Exception):
    """The socket is to be closed for `error`, and has been told."""

    def __init__(self, error: ServiceError) -> None:
        super().__init__()
        self.error = error
