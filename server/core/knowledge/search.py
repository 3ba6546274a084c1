"""Search: the chunks that answer a question best, in what the caller may see."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import bindparam, select

from server.core.knowledge.documents import DOCUMENTS
from server.core.knowledge.fusion import DEPTH, fused
from server.core.knowledge.languages import DEFAULT
from server.core.knowledge.nearness import Nearness
from server.core.knowledge.query import is_plain, parse_query
from server.core.knowledge.rarity import Rarity, rarest
from server.core.knowledge.snippets import Wanted, snippet
from server.core.knowledge.vectors import Nearest
from server.core.shared.call_context import Call
from server.model import Document
from server.pace import Pace
from server.store.database import Database
from server.store.full_text import chunk_index
from server.store.full_text.query import Clause, Query, ts_clause
from server.store.statement import Statement

_documents = Document.table().c
_LANGUAGES = Statement[Any](
    select(_documents.language).where(_documents.organization_id == bindparam("organization")).distinct().limit(20)
)


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that was found; `page` is 0 where its document has none."""

    chunk: int
    text: str
    snippet: str
    score: float
    document_id: str
    title: str
    tags: tuple[str, ...]
    heading: str
    page: int
    digest: str
    revision: int


# How many chunks are ranked before there is need of more, and how many more are looked at than are shown: a document
# that is read again has its chunks twice.
LOOKED_AT = 2000
SPARE = 20
_DOCUMENT, _SCORE = 7, 11


class KnowledgeSearch:
    """Finds chunks; each call sees those of its organization."""

    def __init__(self, database: Database, nearest: Nearest | None = None) -> None:
        self._database = database
        self._rarity = Rarity(database)
        self._nearness = Nearness(database, nearest) if nearest is not None else None

    async def search(
        self,
        call: Call,
        question: str,
        *,
        limit: int,
        offset: int = 0,
        tags: Sequence[str] = (),
        document_id: str = "",
    ) -> tuple[list[Hit], bool]:
        """Chunks with every word of the question, best first, then those with any; and whether there are more.

        Where there are vectors, a question of plain words finds what is like it, too, and what is first by either is
        first. Raises InvalidRequest where there is nothing to look for, NotFound where the document is not there.
        """
        organization = call.organization_id
        document = (await DOCUMENTS.get(self._database, call, document_id)).id if document_id else ""
        query = await parse_query(question, await self._languages(organization))
        tags = list(dict.fromkeys(tags))
        wanted = offset + limit + 1
        if self._nearness is None or not is_plain(question):
            rows = await self._by_words(query, organization, document, tags, wanted)
            order = {row[0]: row[_SCORE] for row in rows.values()}
        else:
            looking = asyncio.create_task(self._nearness.rows(organization, question, document=document, tags=tags))
            try:
                rows = await self._by_words(query, organization, document, tags, max(wanted, DEPTH))
                near = {row[0]: row for row in await looking}
            finally:
                looking.cancel()
            order = fused(list(rows), list(near))
            rows = near | rows
        hits, wanted_terms, pace = [], Wanted.of(query), Pace()
        for chunk, score in islice(order.items(), offset, offset + limit):
            hits.append(_hit(rows[chunk], score, wanted_terms))
            await pace.turn()
        return hits, len(order) > offset + limit

    async def _by_words(
        self, query: Query, organization: str, document: str, tags: Sequence[str], wanted: int
    ) -> dict[int, Any]:
        """The rows of at least so many chunks, if there are, by the chunks' ids, best first."""
        scope = chunk_index.of_document(document) if document else chunk_index.of_organization(organization)
        if not document and self._database.dialect == "sqlite" and await self._rarity.is_most(scope):
            # There every phrase is counted for every question, which takes longer than what this one would keep out.
            scope = ""
        asked = await self._asked(query, scope, organization, tags)
        rows: dict[int, Any] = {}
        for way in asked.ways():
            for row in await self._rows(asked, way, wanted + len(rows)):
                rows.setdefault(row[0], row)
            if len(rows) >= wanted:
                break
        return rows

    async def _asked(self, query: Query, scope: str, organization: str, tags: Sequence[str]) -> _Asked:
        dialect = self._database.dialect
        counts = await self._rarity.counts(query.wanted)
        terms: dict[str, Any] = {"organization": organization}
        if tags:
            terms |= {"tags": list(tags), "tag_count": len(tags)}
        if dialect != "sqlite":
            for n, weight in enumerate(await self._rarity.weights(counts)):
                terms |= {f"weight_{n}": weight, f"clause_{n}": ts_clause(query.wanted[n])}
        return _Asked(query, dialect, scope, rarest(query.wanted, counts, LOOKED_AT), terms)

    async def _rows(self, asked: _Asked, way: str, most: int) -> list[Any]:
        clauses, terms = len(asked.query.wanted), {**asked.terms, "query": way}
        if "tags" not in terms:
            # Nearly all that is found may be seen, so it is cut off before anybody looks whose it is.
            looked = most + SPARE
            rows = await self._database.scan(chunk_index.search(clauses), **terms, most=looked)
            seen = [row for row in rows if row[_DOCUMENT] is not None]
            if len(seen) >= most or len(rows) < looked:
                return seen[:most]
        return await self._database.scan(chunk_index.search_all(clauses, tagged="tags" in terms), **terms, most=most)

    async def _languages(self, organization: str) -> list[str]:
        found = [row[0] for row in await self._database.all(_LANGUAGES, organization=organization) if row[0]]
        return sorted(found) or [DEFAULT]


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question in a database's words, and what goes with each way to put it."""

    query: Query
    dialect: str
    scope: str
    rare: Sequence[Clause]
    terms: dict[str, Any]

    def ways(self) -> Iterator[str]:
        """What has all words, then what has one of the rare ones, then what has any: the last may be nearly all."""
        yield self.query.fts(self.dialect, self.scope, every=True)
        if not self.query.single:
            if len(self.rare) < len(self.query.wanted):
                yield self.query.fts(self.dialect, self.scope, among=self.rare)
            yield self.query.fts(self.dialect, self.scope)


def _hit(row: Any, score: float, wanted: Wanted) -> Hit:
    _, number, text, heading, page, digest, revision, document, title, tags, language, _ = row
    return Hit(
        chunk=number,
        text=text,
        snippet=snippet(text, language or DEFAULT, wanted),
        score=float(score),
        document_id=document,
        title=title,
        tags=tuple(json.loads(tags)),
        heading=heading,
        page=page,
        digest=digest,
        revision=revision,
    )
