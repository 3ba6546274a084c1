"""Blobs: whole or not there, whatever comes in between."""

from __future__ import annotations

import asyncio
import hashlib
import resource
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.errors import StorageFull, Unavailable
from server.store.blobs import READ_BYTES, Blobs, TooLong


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs("", tmp_path / "blobs")


async def pieces(count: int, size: int = 500_000, then: BaseException | None = None) -> AsyncIterator[bytes]:
    for n in range(count):
        yield bytes([n % 256]) * size
        await asyncio.sleep(0)
    if then is not None:
        raise then


def files(blobs: Blobs) -> list[Path]:
    return [path for path in blobs._folder.rglob("*") if path.is_file()]


async def test_what_was_stored_is_read_whole_and_in_part(blobs: Blobs) -> None:
    blob = await blobs.put("o", pieces(30), 1 << 30)
    whole = b"".join([piece async for piece in blobs.read(blob.name)])
    assert (blob.size, blob.sha256) == (len(whole), hashlib.sha256(whole).hexdigest())
    parts = [piece async for piece in blobs.read(blob.name, 499_999, 500_001)]
    assert parts == [b"\0\1"]
    assert max([len(piece) async for piece in blobs.read(blob.name)]) <= READ_BYTES
    assert (await blobs.copy_to(blob.name, Path("unused"))).read_bytes() == whole


@pytest.mark.parametrize("then", [RuntimeError("the caller"), TooLong()])
async def test_what_breaks_off_leaves_nothing(blobs: Blobs, then: Exception) -> None:
    with pytest.raises(type(then)):
        await blobs.put("o", pieces(30, then=then), (1 << 30) if isinstance(then, RuntimeError) else 9_000_000)
    assert files(blobs) == []


async def test_what_is_cancelled_leaves_nothing(blobs: Blobs) -> None:
    came = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        async for piece in pieces(20):
            yield piece
        came.set()
        await asyncio.Event().wait()

    putting = asyncio.create_task(blobs.put("o", slow(), 1 << 30))
    await came.wait()
    putting.cancel()
    await asyncio.gather(putting, return_exceptions=True)
    async with asyncio.timeout(10):
        while files(blobs):
            await asyncio.sleep(0.01)


async def test_a_disk_that_is_full_in_the_middle_is_said_and_leaves_nothing(blobs: Blobs) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (6 << 20, limits[1]))
    try:
        with pytest.raises(StorageFull):
            await blobs.put("o", pieces(40), 1 << 30)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert files(blobs) == []


async def test_a_file_that_is_gone_is_no_bug(blobs: Blobs) -> None:
    await blobs.put("o", pieces(1), 1 << 30)
    with pytest.raises(Unavailable):
        await anext(blobs.read("o/nothing"))
    with pytest.raises(Unavailable):
        await blobs.copy_to("o/nothing", Path("unused"))
    await blobs.remove(["o/nothing"])
