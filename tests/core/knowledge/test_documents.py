"""Documents: the same bytes once, chunks that are replaced all at once, and nothing that outlives its document."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from server.core.knowledge.documents import Upload
from server.core.knowledge.ingestion import About, Superseded
from server.core.queue.claims import Claims
from server.errors import Conflict, InvalidRequest, NotFound, Unavailable, VersionMismatch
from server.model import DocumentStatus, TaskStatus
from server.store.database import Database
from server.work import ingestion
from tests.core.knowledge.shelf import Shelf, piece
from tests.support.tenants import Tenant


async def test_the_same_bytes_are_the_same_document(shelf: Shelf, tenant: Tenant, other_tenant: Tenant) -> None:
    brought = await asyncio.gather(*(shelf.put(tenant, "same", f"{n}.txt") for n in range(5)))
    assert len({document.id for document, _ in brought}) == 1
    assert sorted(new for _, new in brought) == [False] * 4 + [True]
    other, new = await shelf.put(other_tenant, "same")
    assert new and other.id != brought[0][0].id
    kept = {path.name for path in shelf.blobs._folder.rglob("*") if path.is_file()}
    assert kept == {brought[0][0].blob.rpartition("/")[2], other.blob.rpartition("/")[2]}


async def test_what_cannot_be_kept_leaves_nothing(shelf: Shelf, tenant: Tenant) -> None:
    for text, said in (("", {}), ("x", {"title": "t" * 501}), ("x", {"tags": ["a"] * 51}), ("x", {"tags": [""]})):
        with pytest.raises(InvalidRequest):
            await shelf.put(tenant, text, **said)
    assert not [path for path in shelf.blobs._folder.rglob("*") if path.is_file()]
    document, _ = await shelf.put(tenant, "x", '../../etc/"pass\nwd', tags=["b", "a", "b "])
    assert (document.filename, document.tags) == ('"passwd', '["a","b"]')


async def test_a_document_is_read_and_says_what_it_is(shelf: Shelf, tenant: Tenant) -> None:
    document, _ = await shelf.put(tenant, "<html><title>A page</title><body><p>Words of it</p></body>", "x.txt")
    assert (document.status, document.progress, document.title) == (DocumentStatus.PROCESSING, 0.0, "x.txt")
    await shelf.read(document)
    ready = await shelf.documents.get(tenant.call(), document.id)
    assert (ready.status, ready.title, ready.content_type, ready.chunks) == ("ready", "A page", "text/html", 1)
    assert (ready.language, ready.progress, ready.version) == ("english", 1.0, 2)
    assert await shelf.found(tenant, "page") == ["Words of it"]


async def test_a_file_without_text_fails_with_the_reason(shelf: Shelf, tenant: Tenant) -> None:
    document = await shelf.add(tenant, b"\x00\x01\x02\xff" * 100, "x.txt")
    assert document.status == DocumentStatus.FAILED and "no text" in document.status_message
    again = await shelf.documents.reprocess(tenant.call(), document.id)
    assert (again.status, again.status_message) == (DocumentStatus.PROCESSING, "")


async def test_a_new_version_replaces_the_old_one_all_at_once(shelf: Shelf, tenant: Tenant) -> None:
    document = await shelf.add(tenant, "\n\n".join(f"old apple {n} " + "x" * 900 for n in range(100)))
    assert document.chunks == 100
    blob = await shelf.blobs.put(tenant.caller.organization_id, piece(b"new pear"), 100)
    upload = Upload(filename="new.txt", content_type="text/plain")
    changed = await shelf.documents.replace(tenant.call(), document.id, blob, upload)
    assert (changed.revision, changed.filename, changed.title) == (2, "new.txt", "new.txt")
    assert len(await shelf.found(tenant, "apple")) == 100
    await shelf.read(changed)
    assert await shelf.found(tenant, "apple") == [] and await shelf.found(tenant, "pear") == ["new pear"]
    (hit,), _ = await shelf.knowledge.search(tenant.call(), "pear", limit=1)
    assert hit.revision == 2
    assert [path.read_bytes() for path in shelf.blobs._folder.rglob("*") if path.is_file()] == [b"new pear"]
    assert await shelf.remains.sweep() == 100 and await shelf.remains.sweep() == 0


async def test_bytes_of_another_document_are_no_new_version(shelf: Shelf, tenant: Tenant) -> None:
    one, two = await shelf.add(tenant, "one"), await shelf.add(tenant, "two")
    blob = await shelf.blobs.put(tenant.caller.organization_id, piece(b"two"), 100)
    with pytest.raises(Conflict) as refused:
        await shelf.documents.replace(tenant.call(), one.id, blob, Upload(filename="x", content_type=""))
    assert refused.value.details == {"document_id": f"document_{two.id}"}
    assert len([path for path in shelf.blobs._folder.rglob("*") if path.is_file()]) == 2


async def test_a_deleted_document_is_found_by_nobody_in_whichever_state(shelf: Shelf, tenant: Tenant) -> None:
    ready = await shelf.add(tenant, "ready apple")
    reading, _ = await shelf.put(tenant, "reading apple")
    task = await shelf.task(reading)
    begun = await shelf.ingestion.begin(task)
    for document in (ready, reading):
        await shelf.documents.delete(tenant.call(), document.id)
        with pytest.raises(NotFound):
            await shelf.documents.get(tenant.call(), document.id)
    assert await shelf.found(tenant, "apple") == []
    about = About(content_type="text/plain", title="", language="english")
    with pytest.raises(Superseded):
        await shelf.ingestion.finish(task, begun, about, 1)
    assert (await shelf.runner.run(task)).status == TaskStatus.CANCELLED
    assert await shelf.remains.sweep() == 1
    assert not [path for path in shelf.blobs._folder.rglob("*") if path.is_file()]
    # The same bytes are a new document then.
    assert (await shelf.put(tenant, "ready apple"))[1]


async def test_a_reading_that_was_broken_off_begins_anew(shelf: Shelf, tenant: Tenant) -> None:
    document, _ = await shelf.put(tenant, "apple")
    task = await shelf.task(document)
    begun = await shelf.ingestion.begin(task)
    about = About(content_type="text/plain", title="", language="english")
    told = {"text": "half", "heading": "", "page": 0, "digest": "d", "body": "half", "forms": ""}
    await shelf.ingestion.write(task, begun, about, 0, [told], 0.5)
    assert (await shelf.documents.get(tenant.call(), document.id)).progress == 0.5
    assert await shelf.found(tenant, "half") == []
    await shelf.read(document)
    assert await shelf.found(tenant, "half") == [] and await shelf.found(tenant, "apple") == ["apple"]
    with pytest.raises(Superseded):
        await shelf.ingestion.write(task, begun, about, 1, [told], 0.6)
    assert await shelf.remains.sweep() == 1


async def test_a_reading_that_never_ends_is_given_up(shelf: Shelf, tenant: Tenant) -> None:
    document, _ = await shelf.put(tenant, "apple")
    task = await shelf.task(document)
    task.values()["lost"] = 5
    assert (await shelf.runner.run(task)).status == TaskStatus.FAILED
    assert (await shelf.documents.get(tenant.call(), document.id)).status == DocumentStatus.FAILED


async def test_title_and_tags_change_under_a_version(shelf: Shelf, tenant: Tenant) -> None:
    document = await shelf.add(tenant, "apple", tags=["a"])
    with pytest.raises(VersionMismatch):
        await shelf.documents.update(tenant.call(if_match=1), document.id, title="Zebra")
    changed = await shelf.documents.update(tenant.call(if_match=2), document.id, title="Zebra", tags=["z"])
    assert (changed.title, changed.status) == ("Zebra", DocumentStatus.PROCESSING)
    assert await shelf.found(tenant, "apple") == ["apple"]
    await shelf.read(changed)
    assert await shelf.found(tenant, "zebra") == ["apple"]
    page = await shelf.documents.slice(tenant.call(), limit=10, offset=0, tag="z")
    assert [each.id for each in page.rows] == [document.id] and page.total == 1
    assert (await shelf.documents.slice(tenant.call(), limit=10, offset=0, tag="a")).total == 0


async def test_files_that_no_row_names_are_swept_away_when_they_are_old(shelf: Shelf, tenant: Tenant) -> None:
    document = await shelf.add(tenant, "kept")
    lost = await shelf.blobs.put(tenant.caller.organization_id, piece(b"lost"), 100)
    (shelf.blobs._folder / f"{lost.name}x#1").write_bytes(b"half")
    assert await shelf.remains.sweep_blobs() == 0
    later = datetime.now(UTC) + timedelta(days=1)
    assert await shelf.blobs.sweep(shelf.remains._named, later) == 1
    kept = [path for path in shelf.blobs._folder.rglob("*") if path.is_file()]
    assert [path.name for path in kept] == [document.blob.rpartition("/")[2]]


async def test_events_tell_of_it(shelf: Shelf, tenant: Tenant, database: Database) -> None:
    heard: list[str] = []
    database.committed = lambda events: heard.extend(event.type for event in events)
    document = await shelf.add(tenant, "apple")
    await shelf.documents.reprocess(tenant.call(), document.id)
    await shelf.documents.delete(tenant.call(), document.id)
    assert heard == [f"document.{what}" for what in ("created", "ready", "processing", "deleted")]


async def test_who_brings_many_waits_for_them_behind_the_few_of_others(
    shelf: Shelf, tenant: Tenant, other_tenant: Tenant
) -> None:
    many = [(await shelf.put(tenant, f"number {number}", f"{number}.txt"))[0] for number in range(5)]
    few, _ = await shelf.put(other_tenant, "the only one")
    claims = Claims(shelf.database, lease_seconds=10)
    order = [task.id for _ in range(6) for task in await claims.claim("ingestion", "somebody", 1)]
    assert order.index(few.task_id) <= 1 and [each.task_id for each in many] == [id for id in order if id != few.task_id]


async def test_a_document_keeps_its_file_whatever_happens_after_it_is_there(
    shelf: Shelf, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its caller may go, or the answer be lost, when the row has been written."""
    write = shelf.database.write

    async def lost(body):
        await write(body)
        raise asyncio.CancelledError

    monkeypatch.setattr(shelf.database, "write", lost)
    with pytest.raises(asyncio.CancelledError):
        await shelf.put(tenant, "first")
    monkeypatch.setattr(shelf.database, "write", write)
    document, new = await shelf.put(tenant, "first")
    assert not new
    await shelf.read(document)
    assert await shelf.found(tenant, "first") == ["first"]


async def test_a_reading_waits_for_what_cannot_be_reached_and_fails_for_our_own_faults(
    shelf: Shelf, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingestion, "FIRST_PAUSE_SECONDS", 0.01)
    document, _ = await shelf.put(tenant, "here and there")
    copy, tried = shelf.blobs.copy_to, []

    async def unreachable(*arguments):
        tried.append(arguments)
        if len(tried) < 8:
            raise Unavailable("the files cannot be reached")
        return await copy(*arguments)

    monkeypatch.setattr(shelf.blobs, "copy_to", unreachable)
    await shelf.read(document)
    assert (await shelf.documents.get(tenant.call(), document.id)).status == DocumentStatus.READY

    async def broken(*_):
        raise KeyError("a bug")

    monkeypatch.setattr(shelf.blobs, "copy_to", broken)
    other, _ = await shelf.put(tenant, "another one")
    await shelf.read(other)
    failed = await shelf.documents.get(tenant.call(), other.id)
    assert (failed.status, failed.status_message) == (DocumentStatus.FAILED, "something went wrong on our side")


async def test_chunks_of_a_reading_that_is_under_way_are_not_swept(shelf: Shelf, tenant: Tenant) -> None:
    document = await shelf.add(tenant, "first words")
    await shelf.documents.reprocess(tenant.call(), document.id)
    task = await shelf.task(await shelf.documents.get(tenant.call(), document.id))
    begun = await shelf.ingestion.begin(task)
    told = {"text": "new words", "heading": "", "page": 0, "digest": "d", "body": "new words", "forms": ""}
    about = About(content_type="text/plain", title="", language="english")

    await shelf.ingestion.write(task, begun, about, 0, [told], 0.5)
    assert await shelf.remains.sweep() == 0
    await shelf.ingestion.finish(task, begun, about, 1)
    assert await shelf.found(tenant, "new words") == ["new words"]


async def test_a_document_whose_file_is_lost_is_not_waited_for(shelf: Shelf, tenant: Tenant) -> None:
    document, _ = await shelf.put(tenant, "text")
    await shelf.blobs.remove([document.blob])
    await shelf.read(document)
    failed = await shelf.documents.get(tenant.call(), document.id)
    assert (failed.status, failed.status_message) == ("failed", "an uploaded file is not where it was stored")
