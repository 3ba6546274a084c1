"""What a program prints: drained so that it never blocks for long, kept up to a limit."""

import asyncio
import os

_CHUNK = 65536
# Beyond the limit output is only thrown away, and not faster than this, so that a flood costs the server nothing.
_FLOOD_PAUSE = 0.01
_LAST_LOOK = 16
_DEFAULT_KEEP = 8192


class Capture:
    """The kept part of one output pipe."""

    def __init__(self, loop: asyncio.AbstractEventLoop, descriptor: int) -> None:
        self._loop = loop
        self._descriptor = descriptor
        self._limit = _DEFAULT_KEEP
        self._kept = bytearray()
        self._dropped = 0
        self._open = True
        self._pause: asyncio.TimerHandle | None = None
        os.set_blocking(descriptor, False)
        loop.add_reader(descriptor, self._on_readable)

    def keep(self, limit: int) -> None:
        """Keep this many bytes."""
        self._limit = limit

    def content(self) -> bytes:
        """The kept bytes."""
        return bytes(self._kept)

    def text(self) -> str:
        """The kept output as text that any store takes; a shortened one says so in its last line."""
        text = self._kept.decode("utf-8", "replace").replace("\0", "�")
        if not self._dropped:
            return text
        return f"{text}\n[output truncated: only the first {self._limit} bytes are kept]\n"

    def drain(self) -> None:
        """Take what has been printed by now, which a pipe's capacity bounds."""
        for _ in range(_LAST_LOOK):
            if not self._open or not self._read():
                return

    def close(self) -> None:
        """Stop reading."""
        if not self._open:
            return  # the number may be another pipe's by now
        self._open = False
        if self._pause is not None:
            self._pause.cancel()
        self._loop.remove_reader(self._descriptor)
        os.close(self._descriptor)

    def _on_readable(self) -> None:
        self._read()
        if self._open and self._dropped:
            self._loop.remove_reader(self._descriptor)
            self._pause = self._loop.call_later(_FLOOD_PAUSE, self._resume)

    def _resume(self) -> None:
        if self._open:
            self._loop.add_reader(self._descriptor, self._on_readable)

    def _read(self) -> bool:
        """Read once; whether there may be more."""
        try:
            chunk = os.read(self._descriptor, _CHUNK)
        except BlockingIOError:
            return False
        if not chunk:
            self.close()
            return False
        room = max(0, self._limit - len(self._kept))
        self._kept += chunk[:room]
        self._dropped += max(0, len(chunk) - room)
        return True
