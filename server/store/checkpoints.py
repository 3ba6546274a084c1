"""Checkpoints: they move SQLite's write-ahead log into the file and begin it again, in a thread of their own."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from pathlib import Path

import aiosqlite
import structlog

from server.store.forever import forever, set_within

# How long the log becomes before it is moved: the longer, the fewer checkpoints, and the longer each of them.
BEGIN_BYTES = 32 << 20
# A file that has become this long is cut off, which takes longer than to begin it again.
CUT_BYTES = 48 << 20
# Beyond this, writers wait for a checkpoint that is under way: a slow disk must not let the log run away from it.
HOLD_BYTES = 52 << 20
# Cut off is also one that is longer than this while nobody writes.
IDLE_BYTES, IDLE_SECONDS = 1 << 20, 5.0
# A log that somebody's long read keeps this long is worth a word.
LONG_BYTES = 64 << 20
# For the locks of other processes; whoever writes here waits as long.
LOCK_PATIENCE_SECONDS = 0.01
# After a checkpoint that a reader has stopped from beginning the log again.
FIRST_PAUSE_SECONDS, LAST_PAUSE_SECONDS = 0.05, 1.0
log = structlog.get_logger()


class Checkpoints:
    """Keeps the log short.

    Most of it is moved beside the writer; only what is written meanwhile is moved while nobody writes or scans here,
    because a log that somebody appends to or reads from cannot begin again. Its first page is written here too: SQLite
    waits for the disk then, which must not be in the event loop. A log that begins again keeps the length of its file,
    so it is known to be full when the file grows.
    """

    def __init__(self, path: Path, writing: asyncio.Lock, scanning: asyncio.Lock) -> None:
        self._path = path
        self._log_path = path.with_name(path.name + "-wal")
        self._writing, self._scanning = writing, scanning
        self._full = asyncio.Event()
        self._moving = asyncio.Lock()
        self._full_bytes = BEGIN_BYTES
        self._idle = True
        self._no_room = False

    async def open(self) -> None:
        """Connects and begins. Raises sqlite3.Error."""
        self._connection = await aiosqlite.connect(self._path, isolation_level=None)
        for pragma in ("synchronous = NORMAL", "wal_autocheckpoint = 0"):
            await self._connection.execute(f"PRAGMA {pragma}")
        await self._connection.execute(f"PRAGMA busy_timeout = {int(LOCK_PATIENCE_SECONDS * 1000)}")
        self._task = asyncio.create_task(forever("checkpoints", self._keep_short))
        await self.look()

    async def look(self) -> None:
        """Whether there is something to do; called after each commit, before the next one begins."""
        self._idle = False
        size = self._size()
        if size > self._full_bytes:
            self._full.set()
        if size > HOLD_BYTES and self._moving.locked():
            async with self._moving:
                pass

    def make_room(self) -> None:
        """Gives the disk back what the log takes, after a commit that found no room."""
        self._no_room = True
        self._full.set()

    async def close(self) -> None:
        """Stops; SQLite itself moves what is left when its last connection goes."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._connection.close()

    async def _keep_short(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while True:
            full = await set_within(self._full, IDLE_SECONDS)
            self._full.clear()
            idle, self._idle = self._idle, True
            size = self._size()
            if not full and not (idle and size > IDLE_BYTES):
                continue
            cut, self._no_room = self._no_room or not full or size > CUT_BYTES, False
            if await self._begin_again("TRUNCATE" if cut else "RESTART"):
                pause = FIRST_PAUSE_SECONDS
                continue
            if size > LONG_BYTES and pause == LAST_PAUSE_SECONDS:
                log.warning("a long read keeps the write-ahead log from beginning again", bytes=size)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LAST_PAUSE_SECONDS)

    async def _begin_again(self, mode: str) -> bool:
        """Moves the log and begins it again; whether nobody stood in the way."""
        try:
            async with self._moving:
                # The second time is for what was written during the first, and leaves next to nothing to wait for.
                for _ in range(2):
                    await self._checkpoint("PASSIVE")
            async with self._scanning, self._writing:
                if not await self._checkpoint(mode):
                    return False
                # Where another process writes now, that begins it.
                with contextlib.suppress(sqlite3.OperationalError):
                    # A change of nothing: a number that SQLite keeps for its users, and that nobody here uses.
                    await self._connection.execute("PRAGMA user_version = 0")
        except sqlite3.Error as error:
            log.warning("checkpoint failed", error=str(error))
            return False
        self._full_bytes = max(BEGIN_BYTES, self._size())
        return True

    async def _checkpoint(self, mode: str) -> bool:
        """Whether nobody stood in the way."""
        rows = list(await self._connection.execute_fetchall(f"PRAGMA wal_checkpoint({mode})"))
        return not rows[0][0]

    def _size(self) -> int:
        try:
            return self._log_path.stat().st_size
        except OSError:
            return 0
