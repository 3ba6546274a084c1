"""Open streams: how many a key and this process may have, and that each of them ends with its credential."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable
from typing import Any, TypeVar

from server.core.identity.authentication import Authenticator
from server.errors import ServiceError, TooMany
from server.rpc.method import Method
from server.store.forever import forever
from server.store.turns import Turns

# How often it is asked whether the credentials of open streams are still good, and about how many of them at a time.
LOOK_SECONDS = 1.0
TOGETHER = 100
# How many are opened at a time, and for how long others wait for one whose caller is slow.
OPENED = 2
PATIENCE_SECONDS = 0.02
T = TypeVar("T")


class OpenStreams:
    """All of a process, at most `limit`."""

    def __init__(self, identity: Authenticator, limit: int) -> None:
        self._identity = identity
        self._limit = limit
        # Whoever opens many at once must not hold up other calls.
        self.opening = Turns(OPENED, patience=PATIENCE_SECONDS)
        self._count = 0
        # By whose they are and where: those of one API that go one way, or both.
        self._of_keys: Counter[tuple[str, str, bool]] = Counter()
        self._by_credential: dict[str, set[OpenStream]] = {}
        self._watching: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return self._count

    def admit(self, stream: OpenStream, key_id: str) -> None:
        """Counts a stream. Raises TooMany."""
        method = stream.method
        limits, place = method.api.limits, (method.api.declaration.name, key_id, method.client_streams)
        most, what = limits.streams_per_key, "streams"
        if method.client_streams:
            most, what = limits.sockets_per_key, "sockets"
        if self._of_keys[place] >= most:
            words = f"this key has {most} {what} open, which is as many as it may"
            raise TooMany(words, details={"limit": most})
        if self._count >= self._limit:
            words = "this server has all the streams open that it can have; try again"
            raise TooMany(words, details={"limit": self._limit}, retry_after=1)
        self._count += 1
        self._of_keys[place] += 1
        stream.place = place
        self._by_credential.setdefault(stream.credential, set()).add(stream)
        if self._watching is None or self._watching.done():
            # Where nobody has a stream open, nothing need be asked.
            self._watching = asyncio.create_task(forever("credentials of streams", self._watch))

    def leave(self, stream: OpenStream) -> None:
        """Counts it no more."""
        if stream.place is None:
            return
        self._count -= 1
        self._of_keys[stream.place] -= 1
        if not self._of_keys[stream.place]:
            del self._of_keys[stream.place]
        stream.place = None
        streams = self._by_credential[stream.credential]
        streams.discard(stream)
        if not streams:
            del self._by_credential[stream.credential]

    async def _watch(self) -> None:
        """Ends the streams whose credentials have ended, whoever has ended them."""
        while self._by_credential:
            await asyncio.sleep(LOOK_SECONDS)
            credentials = list(self._by_credential)
            for start in range(0, len(credentials), TOGETHER):
                ended = await self._identity.ended(credentials[start : start + TOGETHER])
                for credential, error in ended.items():
                    for stream in list(self._by_credential.get(credential, ())):
                        stream.end(error)
                # Others have their turn between them.
                await asyncio.sleep(0)


class OpenStream:
    """One call that goes on answering, from its beginning to its end."""

    def __init__(self, streams: OpenStreams, method: Method) -> None:
        self.method = method
        self.credential = ""
        # Where it is counted; None until it is known whose it is.
        self.place: tuple[str, str, bool] | None = None
        self._streams = streams
        self._task: asyncio.Task[Any] | None = None
        self._waits = False
        self._error: ServiceError | None = None

    def admit(self, credential: str, key_id: str) -> None:
        """It is known whose it is. Raises TooMany."""
        self.close()
        self.credential = credential
        self._streams.admit(self, key_id)

    def close(self) -> None:
        """It is over."""
        self._streams.leave(self)

    def end(self, error: ServiceError) -> None:
        """Whatever it waits for now or next raises `error`: next, where what it has sent is not read yet."""
        if self._error is None:
            self._error = error
            if self._task is not None and self._waits:
                self._task.cancel()

    async def wait(self, what: Awaitable[T]) -> T:
        """What `what` gives. Raises the error that the stream is ended with meanwhile."""
        self._task = asyncio.current_task()
        assert self._task is not None
        cancelling, self._waits = self._task.cancelling(), True
        try:
            if self._error is None:
                return await what
            if asyncio.iscoroutine(what):
                what.close()
        except asyncio.CancelledError:
            # Whoever else has cancelled it meanwhile comes first.
            if self._error is None or self._task.uncancel() > cancelling:
                raise
        finally:
            self._waits = False
        assert self._error is not None
        raise self._error
