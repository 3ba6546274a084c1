"""One connection: what the bridge wants of it beyond what `websockets` does."""

from __future__ import annotations

import asyncio
from typing import Any

from websockets.asyncio.server import ServerConnection

STALLED_SECONDS = 60.0


class Socket(ServerConnection):
    """A connection that is counted, ends its conversation with itself, and gives up on who has stopped reading."""

    def __init__(self, *arguments: Any, sockets: set[Socket], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._sockets = sockets
        self._conversation: asyncio.Task[Any] | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Counts it."""
        super().connection_made(transport)
        self._sockets.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends what goes on here."""
        super().connection_lost(exc)
        self.lost = True
        self._sockets.discard(self)
        self._read()
        if self._conversation is not None:
            self._conversation.cancel()

    def converse(self) -> None:
        """The current task is the conversation, and is cancelled when the client has gone."""
        self._conversation = asyncio.current_task()
        if self.lost and self._conversation is not None:
            self._conversation.cancel()

    def conversed(self) -> None:
        """The conversation is over."""
        self._conversation = None

    def pause_writing(self) -> None:
        """Keepalive does not see this one: its pings wait in the same queue."""
        super().pause_writing()
        self._stalled = self.loop.call_later(STALLED_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """There is somebody who reads."""
        super().resume_writing()
        self._read()

    def _read(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None
