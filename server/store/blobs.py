"""Blobs: uploaded files, in a folder of this machine or in S3, each under a name of its own that is never used again.

A blob is whole before a row names it, and is removed only when no row does. So whatever ends in the middle, what a row
names is there; what no row names is swept away when it is too old to be on its way into one.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, from_url

from server.errors import ServiceError, StorageFull, Unavailable
from server.model import new_id

# What is in memory of a blob on its way: parts of this size, so many at a time. S3 takes no smaller ones but the last.
PART_BYTES, PARTS = 5 << 20, 2
READ_BYTES = 256 << 10
# What is younger may be on its way into a row.
SWEPT_AFTER = timedelta(hours=6)
LISTED = 500
# How often, and for how long, something is tried again that S3 has not done.
AGAIN: Any = {"max_retries": 3, "retry_timeout": timedelta(seconds=30)}
_NO_ROOM = ("No space left", "Disk quota", "os error 28", "os error 122", "File too large")


@dataclass(frozen=True, slots=True)
class Blob:
    """What has been stored."""

    name: str
    size: int
    sha256: str


class Missing(Unavailable):
    """The blob is not there: nothing would bring it back."""

    def __init__(self) -> None:
        super().__init__("an uploaded file is not where it was stored")


class TooLong(Exception):
    """There is more than may be stored."""


class Blobs:
    """The blobs of every organization."""

    def __init__(self, url: str, folder: Path) -> None:
        """In the folder where `url` is empty, else there, such as `s3://bucket/prefix`."""
        self._folder = None if url else folder
        self._url = url
        self._opened: Any = None

    @property
    def _store(self) -> Any:
        if self._opened is None:
            if self._folder is not None:
                self._opened = LocalStore(self._folder, mkdir=True)
            else:
                self._opened = from_url(self._url, retry_config=AGAIN)
        return self._opened

    async def put(self, organization: str, pieces: AsyncIterator[bytes], most: int) -> Blob:
        """Stores what comes, in a few parts at a time. Raises TooLong, StorageFull, Unavailable, and what `pieces` do.

        Nothing is left behind then, nor where it is cancelled.
        """
        name = f"{organization}/{new_id()}"
        digest, size = hashlib.sha256(), 0

        async def counted() -> AsyncIterator[bytes]:
            nonlocal size
            async for piece in pieces:
                size += len(piece)
                if size > most:
                    raise TooLong
                digest.update(piece)
                yield piece

        try:
            await obstore.put_async(
                self._store, name, counted(), use_multipart=True, chunk_size=PART_BYTES, max_concurrency=PARTS
            )
            if self._folder is not None:
                await asyncio.to_thread(_to_disk, self._folder / name)
        except (BaseError, OSError) as error:
            raise _translated(error) from error
        return Blob(name, size, digest.hexdigest())

    async def read(self, name: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """A blob's bytes from `start` to before `end`, in pieces. Raises Missing, Unavailable."""
        options: Any = {} if start == 0 and end is None else {"range": (start, end)}
        try:
            found = await obstore.get_async(self._store, name, options=options)
            async for piece in found.stream(min_chunk_size=READ_BYTES):
                data = bytes(piece)
                for at in range(0, len(data), READ_BYTES):
                    yield data[at : at + READ_BYTES]
        except (BaseError, OSError) as error:
            raise _translated(error) from error

    async def copy_to(self, name: str, path: Path) -> Path:
        """Where a program may read a blob: its own place, or `path`, with a copy. Raises as `read`, StorageFull."""
        if self._folder is not None:
            if not (self._folder / name).is_file():
                raise Missing
            return self._folder / name
        try:
            with path.open("wb") as file:
                async for piece in self.read(name):
                    await asyncio.to_thread(file.write, piece)
        except OSError as error:
            raise _translated(error) from error
        return path

    async def remove(self, names: Sequence[str]) -> None:
        """Removes blobs that no row names any more; what fails is swept away later."""
        for name in names:
            try:
                await obstore.delete_async(self._store, name)
            except (BaseError, OSError):
                continue

    async def sweep(self, named: Callable[[Sequence[str]], Awaitable[set[str]]], now: datetime | None = None) -> int:
        """Removes old blobs that `named` does not give back; returns how many."""
        before = (now or datetime.now(UTC)) - SWEPT_AFTER
        removed = 0
        try:
            async for listed in obstore.list(self._store, chunk_size=LISTED):
                old = [each["path"] for each in listed if each["last_modified"] < before]
                unnamed = sorted(set(old) - await named(old)) if old else []
                await self.remove(unnamed)
                removed += len(unnamed)
        except (BaseError, OSError) as error:
            raise _translated(error) from error
        if self._folder is not None:
            await asyncio.to_thread(_remove_unfinished, self._folder, before.timestamp())
        return removed


def _to_disk(path: Path) -> None:
    """Whoever is told that it is stored finds it also after a power cut."""
    for each in (path, path.parent):
        descriptor = os.open(each, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _remove_unfinished(folder: Path, before: float) -> None:
    """What a process was writing when it was killed has a `#` in its name, and is not listed."""
    for path in folder.glob("*/*#*"):
        if path.stat().st_mtime < before:
            path.unlink(missing_ok=True)


def _translated(error: BaseException) -> ServiceError:
    if isinstance(error, FileNotFoundError):
        return Missing()
    text = f"{error} {error.__cause__ or ''}"
    if any(words in text for words in _NO_ROOM):
        return StorageFull("there is no room for the file; nothing of it was stored")
    return Unavailable("files cannot be stored or read now; try again")
