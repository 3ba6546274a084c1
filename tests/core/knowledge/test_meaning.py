"""What is found by its meaning: beside what is found by words, in the same order for every page, and nobody else's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from server.core.knowledge import nearness
from server.core.knowledge.fusion import DEPTH, fused
from server.core.knowledge.ingestion import Ingestion
from server.core.knowledge.query import is_plain
from server.core.knowledge.search import KnowledgeSearch
from server.core.queue.claims import Claims
from server.core.queue.lease_service import LeaseService
from server.model import ChunkVectors, Document, TaskStatus
from server.store.database import Database
from server.store.statement import Statement
from server.work.embedding import nearest, runner
from server.work.ingestion import IngestionRunner
from tests.core.knowledge.shelf import Shelf
from tests.support.holds import BOUND, longest_hold
from tests.support.models import semantic_search
from tests.support.tenants import Tenant

DOG, CAR, SOUP = "A puppy needs a walk every day.", "The engine of my automobile broke down.", "Boil carrots, then salt."
ASKED = "how to take care of young dogs"
_ROWS = Statement(select(func.count(), func.coalesce(func.sum(ChunkVectors.table().c.count), 0)))


class Reader(Shelf):
    """A shelf whose documents get vectors as soon as they have been read."""

    def __init__(self, database: Database, folder: Path) -> None:
        super().__init__(database, folder)
        self.semantic = semantic_search(database)
        self.ingestion = Ingestion(database, embeds=True)
        self.runner = IngestionRunner(self.ingestion, self.blobs)
        self.words = self.knowledge
        self.knowledge = KnowledgeSearch(database, self.semantic.nearest)
        self.claims = Claims(database, lease_seconds=10)
        self.leases = LeaseService(database, lease_seconds=10, max_attempts=3)

    async def read(self, document: Document) -> None:
        await super().read(document)
        await self.embed()

    async def embed(self) -> list[TaskStatus]:
        """Does what waits to be done, as a server does."""
        ended = []
        while claimed := await self.claims.claim("embedding", "somebody", 1):
            (task,) = claimed
            result = await self.semantic.runner.run(task)
            await self.leases.finish(task.id, task.attempt, result)
            ended.append(result.status)
        return ended

    async def vectors(self) -> tuple[int, int]:
        """How many rows there are, and how many vectors in them."""
        rows, count = await self.database.one(_ROWS)
        return rows, int(count)


@pytest.fixture
async def shelf(database: Database, tmp_path: Path) -> AsyncIterator[Reader]:
    reader = Reader(database, tmp_path)
    yield reader
    await reader.semantic.close()


async def test_what_means_the_same_is_found_and_what_is_quoted_or_excluded_is_obeyed(
    shelf: Reader, tenant: Tenant, other_tenant: Tenant
) -> None:
    dog = await shelf.add(tenant, DOG, "a.txt", tags=["pets"])
    await shelf.add(tenant, CAR, "b.txt")
    await shelf.add(tenant, SOUP, "c.txt", tags=["food", "pets"])
    await shelf.add(other_tenant, f"{DOG} It is ours.", "a.txt")
    assert await shelf.vectors() == (4, 4)
    # Words alone find none of it.
    assert (await shelf.words.search(tenant.call(), ASKED, limit=9))[0] == []
    assert await shelf.found(tenant, ASKED) == [DOG]
    assert await shelf.found(tenant, "vehicle repair") == [CAR]
    assert await shelf.found(other_tenant, ASKED) == [f"{DOG} It is ours."]
    assert await shelf.found(other_tenant, "vehicle repair") == []
    for question in (f"{ASKED} -cats", f'"{ASKED}"', "dogs*", "-salt young dogs", 'dogs ""'):
        assert await shelf.found(tenant, question) == [], question
    assert await shelf.found(tenant, ASKED, tags=["pets"]) == [DOG]
    assert await shelf.found(tenant, ASKED, tags=["pets", "food"]) == []
    assert await shelf.found(tenant, "vegetable recipe", tags=["pets", "food"]) == [SOUP]
    assert await shelf.found(tenant, ASKED, document_id=dog.id) == [DOG]
    assert await shelf.found(tenant, "vehicle repair", document_id=dog.id) == []
    ((hit,), more) = await shelf.knowledge.search(tenant.call(), ASKED, limit=1)
    assert (hit.document_id, hit.snippet, hit.score, more) == (dog.id, DOG, pytest.approx(1 / 61), False)
    # What it has no words for, and nonsense, is like nothing.
    for question in ("東京都の人口", "xqzt vfrg"):
        assert await shelf.found(tenant, question) == [], question


async def test_what_is_shown_no_more_is_not_found_and_its_vectors_go(
    shelf: Reader, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    meals = "Puppies get three meals."
    documents = {text: await shelf.add(tenant, text, f"{text[:5]}.txt") for text in (DOG, meals, CAR)}
    first, second = await shelf.found(tenant, ASKED)
    assert {first, second} == {DOG, meals}
    monkeypatch.setattr(nearness, "DEPTH", 1)
    await shelf.documents.delete(tenant.call(), documents[first].id)
    # Whoever has the vectors has not been told; the only place that there is goes to the next one all the same.
    assert await shelf.found(tenant, ASKED) == [second]
    car = documents[CAR]
    await shelf.documents.reprocess(tenant.call(), car.id)
    again = await shelf.documents.get(tenant.call(), car.id)
    await Shelf.read(shelf, again)
    # Read, and found by its words; there are no vectors of this generation yet.
    assert await shelf.found(tenant, "vehicle repair") == [] and await shelf.found(tenant, "engine") == [CAR]
    assert await shelf.embed() == [TaskStatus.COMPLETED]
    assert await shelf.found(tenant, "vehicle repair") == [CAR]
    assert await shelf.vectors() == (4, 4)
    while await shelf.remains.sweep():
        pass
    assert await shelf.vectors() == (2, 2)


async def test_a_long_document_is_done_in_parts_each_once_and_found_by_others_a_little_later(
    shelf: Reader, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "ROWS", 1)
    filler = "\n\n".join(f"{n}" + "x" * 1000 for n in range(19))
    await shelf.add(tenant, SOUP, "c.txt")
    other = semantic_search(shelf.database)
    try:
        elsewhere = KnowledgeSearch(shelf.database, other.nearest)
        assert (await elsewhere.search(tenant.call(), ASKED, limit=9))[0] == []
        text = f"{filler}\n\n{DOG}"
        document, _ = await shelf.put(tenant, text, "long.txt")
        await Shelf.read(shelf, document)
        ready = await shelf.documents.get(tenant.call(), document.id)
        (claimed,) = await shelf.claims.claim("embedding", "somebody", 1)
        # The process that does it dies before anybody hears of it.
        await shelf.semantic.runner.run(claimed)
        await shelf.leases.give_back("somebody")
        assert await shelf.embed() == [TaskStatus.COMPLETED] * 3
        assert ready.chunks > 16 and await shelf.vectors() == (3, ready.chunks + 1)
        (hit, *_), _ = await shelf.knowledge.search(tenant.call(), ASKED, limit=9)
        assert DOG in hit.text
        monkeypatch.setattr(nearest, "REFRESH_SECONDS", 0.0)
        (hit, *_), _ = await elsewhere.search(tenant.call(), ASKED, limit=9)
        assert DOG in hit.text
    finally:
        await other.close()


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_whoever_asks_goes_on_with_words_while_the_process_with_the_model_is_gone(
    shelf: Reader, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shelf.add(tenant, DOG)
    embedder = shelf.semantic.embedder
    running = await embedder.running()
    running.process.kill()
    await running.process.wait()
    assert await shelf.found(tenant, "puppy walk") == [DOG]
    embedder._not_before = 0.0
    async with longest_hold() as held:
        # With it went all that it kept.
        assert await shelf.found(tenant, ASKED) == [DOG]
    assert held.longest < BOUND
    assert (await embedder.running()) is not running


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_a_document_that_gets_no_vectors_is_ready_and_found_by_its_words(
    shelf: Reader, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "PAUSE_SECONDS", 0.0)
    await shelf.semantic.close()
    document, _ = await shelf.put(tenant, DOG)
    await Shelf.read(shelf, document)
    assert await shelf.embed() == [TaskStatus.FAILED]
    assert (await shelf.documents.get(tenant.call(), document.id)).status == "ready"
    assert await shelf.found(tenant, "puppy") == [DOG] and await shelf.found(tenant, ASKED) == []
    await shelf.documents.delete(tenant.call(), document.id)


def test_pages_of_two_orders_follow_each_other_without_a_repeat() -> None:
    by_words, by_vectors = list(range(200)), [170, 3, 999, 0, *range(400, 480)]
    whole = fused(by_words, by_vectors)
    assert set(whole) == {*by_words, *by_vectors[:DEPTH]}
    assert list(whole.values()) == sorted(whole.values(), reverse=True)
    # In both orders; first in one; and what is as good by words as by vectors goes first.
    assert list(whole)[:5] == [0, 3, 170, 1, 2]
    assert whole[0] == 1 / 61 + 1 / 64
    for asked in range(DEPTH, 200):
        # However many somebody has asked for: what comes before stays, and as many as were found by words are right.
        assert list(fused(by_words[:asked], by_vectors))[:asked] == list(whole)[:asked]
    assert list(fused(by_words, [])) == by_words


@pytest.mark.parametrize(
    ("question", "plain"),
    [("young dogs", True), ("well-known (facts)", True), ("a * b", False), ("dog*", False), ("-cat dog", False), ('"a" b', False), ('a"', False)],
)
def test_only_questions_of_plain_words_ask_for_what_is_like_them(question: str, plain: bool) -> None:
    assert is_plain(question) == plain
