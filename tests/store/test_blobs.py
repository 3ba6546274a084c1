"""Blobs: whole or not there, whatever comes in between."""

from __future__ import annotations

import asyncio
import hashlib
import resource
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from server.errors import StorageFull
from server.store.blobs import READ_BYTES, SWEPT_AFTER, Blobs, Missing, TooLong
from tests.support.s3 import S3, running_s3

Left = Callable[[], list[str]]


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    with running_s3() as started:
        yield started


@pytest.fixture(params=["folder", "s3"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Blobs:
    if request.param == "folder":
        return Blobs("", tmp_path / "blobs")
    s3 = request.getfixturevalue("s3")
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    s3.empty()
    return Blobs(s3.url, tmp_path)


@pytest.fixture
def left(blobs: Blobs, request: pytest.FixtureRequest) -> Callable[[], list[str]]:
    """What there is, also of what is unfinished."""
    if blobs._folder is None:
        return request.getfixturevalue("s3").names
    return lambda: [str(path.relative_to(blobs._folder)) for path in blobs._folder.rglob("*") if path.is_file()]


async def pieces(count: int, size: int = 500_000, then: BaseException | None = None) -> AsyncIterator[bytes]:
    for n in range(count):
        yield bytes([n % 256]) * size
        await asyncio.sleep(0)
    if then is not None:
        raise then


async def test_what_was_stored_is_read_whole_and_in_part(blobs: Blobs, left: Left, tmp_path: Path) -> None:
    blob = await blobs.put("o", pieces(30), 1 << 30)
    whole = b"".join([piece async for piece in blobs.read(blob.name)])
    assert (blob.size, blob.sha256) == (len(whole), hashlib.sha256(whole).hexdigest())
    parts = [piece async for piece in blobs.read(blob.name, 499_999, 500_001)]
    assert parts == [b"\0\1"]
    assert max([len(piece) async for piece in blobs.read(blob.name)]) <= READ_BYTES
    assert (await blobs.copy_to(blob.name, tmp_path / "copy")).read_bytes() == whole
    empty = await blobs.put("o", pieces(0), 0)
    assert (empty.size, [piece async for piece in blobs.read(empty.name)]) == (0, [])
    assert sorted(left()) == sorted([blob.name, empty.name])
    await blobs.remove([empty.name, "o/nothing"])
    assert left() == [blob.name]


@pytest.mark.parametrize("then", [RuntimeError("the caller"), TooLong()])
async def test_what_breaks_off_leaves_nothing(blobs: Blobs, left: Left, then: Exception) -> None:
    with pytest.raises(type(then)):
        await blobs.put("o", pieces(30, then=then), (1 << 30) if isinstance(then, RuntimeError) else 9_000_000)
    assert left() == []


async def test_what_is_cancelled_leaves_nothing(blobs: Blobs, left: Left) -> None:
    if blobs._folder is None:
        pytest.skip("it is the bucket that ends what was never finished")
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
        while left():
            await asyncio.sleep(0.01)


async def test_what_is_old_and_in_no_row_is_swept_away(blobs: Blobs, left: Left) -> None:
    kept, unnamed = [(await blobs.put("o", pieces(1), 1 << 30)).name for _ in range(2)]

    async def named(names: Sequence[str]) -> set[str]:
        assert set(names) == {kept, unnamed}
        return {kept}

    assert await blobs.sweep(named) == 0 and len(left()) == 2
    assert await blobs.sweep(named, datetime.now(UTC) + SWEPT_AFTER + timedelta(minutes=1)) == 1 and left() == [kept]


@pytest.mark.parametrize("blobs", ["folder"], indirect=True)
async def test_a_disk_that_is_full_in_the_middle_is_said_and_leaves_nothing(blobs: Blobs, left: Left) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (6 << 20, limits[1]))
    try:
        with pytest.raises(StorageFull):
            await blobs.put("o", pieces(40), 1 << 30)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert left() == []


async def test_a_file_that_is_gone_is_no_bug(blobs: Blobs, tmp_path: Path) -> None:
    await blobs.put("o", pieces(1), 1 << 30)
    with pytest.raises(Missing):
        await anext(blobs.read("o/nothing"))
    with pytest.raises(Missing):
        await blobs.copy_to("o/nothing", tmp_path / "copy")
    await blobs.remove(["o/nothing"])


@pytest.mark.parametrize("blobs", ["s3"], indirect=True)
async def test_a_copy_for_which_there_is_no_room_is_said(blobs: Blobs, tmp_path: Path) -> None:
    blob = await blobs.put("o", pieces(30), 1 << 30)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (6 << 20, limits[1]))
    try:
        with pytest.raises(StorageFull):
            await blobs.copy_to(blob.name, tmp_path / "copy")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
