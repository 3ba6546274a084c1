"""Search: the chunks that answer a question best, in what the caller may see."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, select

from server.core.knowledge.documents import DOCUMENTS
from server.core.knowledge.languages import DEFAULT
from server.core.knowledge.query import parse_query
from server.core.knowledge.snippets import snippet
from server.core.shared.call_context import Call
from server.model import Document
from server.store.database import Database
from server.store.full_text import chunk_index
from server.store.full_text.query import Query
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


class KnowledgeSearch:
    """Finds chunks; each call sees those of its organization."""

    def __init__(self, database: Database) -> None:
        self._database = database

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

        Raises InvalidRequest where there is nothing to look for, NotFound where the document is not there.
        """
        organization = call.organization_id
        scope = chunk_index.of_organization(organization)
        if document_id:
            scope = chunk_index.of_document((await DOCUMENTS.get(self._database, call, document_id)).id)
        query = parse_query(question, await self._languages(organization))
        wanted = offset + limit + 1
        terms = {"organization": organization, "tags": list(dict.fromkeys(tags))}
        rows = await self._rows(query.fts(self._database.dialect, scope, every=True), terms, wanted)
        if len(rows) < wanted and not query.single:
            seen = {row[0] for row in rows}
            others = await self._rows(query.fts(self._database.dialect, scope, every=False), terms, wanted + len(rows))
            rows += [row for row in others if row[0] not in seen]
        shown = rows[offset : offset + limit]
        return [_hit(row, query) for row in shown], len(rows) > offset + limit

    async def _rows(self, query: str, terms: dict[str, Any], most: int) -> list[Any]:
        statement = chunk_index.SEARCH_TAGGED if terms["tags"] else chunk_index.SEARCH
        return await self._database.scan(statement, query=query, most=most, tag_count=len(terms["tags"]), **terms)

    async def _languages(self, organization: str) -> list[str]:
        found = [row[0] for row in await self._database.all(_LANGUAGES, organization=organization) if row[0]]
        return sorted(found) or [DEFAULT]


def _hit(row: Any, query: Query) -> Hit:
    _, number, text, heading, page, digest, revision, document, title, tags, language, score = row
    return Hit(
        chunk=number,
        text=text,
        snippet=snippet(text, language or DEFAULT, query),
        score=float(score),
        document_id=document,
        title=title,
        tags=tuple(json.loads(tags)),
        heading=heading,
        page=page,
        digest=digest,
        revision=revision,
    )
