"""Nearness: the chunks whose vectors are most like that of a question, as far as the caller may see them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text

from server.core.knowledge.fusion import DEPTH
from server.core.knowledge.vectors import Nearest, Place
from server.store.database import Database
from server.store.full_text import chunk_index
from server.store.statement import Statement

# How often it is asked again because of documents that are shown no more, and of how many documents with some tags it
# is asked. Where more have them they keep little out.
TRIES = 3
MOST_DOCUMENTS = 5000
_SHOWN = Statement[Any](
    text(
        "SELECT id, generation FROM documents "
        "WHERE id = ANY(CAST(:documents AS text[])) AND organization_id = CAST(:organization AS text)"
    ),
    on_sqlite=text(
        "SELECT id, generation FROM documents "
        "WHERE id IN (SELECT value FROM json_each(:documents)) AND organization_id = :organization"
    ),
)
_TAGGED = Statement[Any](
    text(
        "SELECT document_id FROM document_tags WHERE organization_id = CAST(:organization AS text) "
        "AND tag = ANY(CAST(:tags AS text[])) GROUP BY document_id "
        "HAVING count(*) = CAST(:tag_count AS integer) LIMIT CAST(:most AS integer)"
    ),
    on_sqlite=text(
        "SELECT document_id FROM document_tags WHERE organization_id = :organization "
        "AND tag IN (SELECT value FROM json_each(:tags)) GROUP BY document_id "
        "HAVING count(*) = :tag_count LIMIT :most"
    ),
)


class Nearness:
    """Asks whoever has the vectors, and believes nothing of it that the database does not say, too."""

    def __init__(self, database: Database, nearest: Nearest) -> None:
        self._database = database
        self._nearest = nearest

    async def rows(self, organization: str, question: str, *, document: str, tags: Sequence[str]) -> list[Any]:
        """The rows of the chunks, as `chunk_index.search` gives them, best first."""
        given: dict[str, Any] = {"organization": organization}
        documents: Sequence[str] | None = [document] if document else None
        if tags:
            given |= {"tags": list(tags), "tag_count": len(tags)}
            if not document:
                documents = await self._tagged(given)
        for _ in range(TRIES):
            places = await self._nearest.nearest(organization, question, documents=documents, most=DEPTH)
            found = await self._at(places, given)
            gone = await self._gone(places, found, organization)
            if not gone:
                break
            # What takes a place that nobody sees must take none.
            await self._nearest.forget(organization, gone)
        return found

    async def _tagged(self, given: dict[str, Any]) -> list[str] | None:
        found = await self._database.scan(_TAGGED, **given, most=MOST_DOCUMENTS + 1)
        return [row[0] for row in found] if len(found) <= MOST_DOCUMENTS else None

    async def _at(self, places: Sequence[Place], given: dict[str, Any]) -> list[Any]:
        if not places:
            return []
        documents, generations, numbers = (list(each) for each in zip(*places, strict=True))
        statement = chunk_index.AT_PLACES_TAGGED if "tags" in given else chunk_index.AT_PLACES
        return await self._database.all(
            statement, **given, documents=documents, generations=generations, numbers=numbers
        )

    async def _gone(self, places: Sequence[Place], found: Sequence[Any], organization: str) -> list[tuple[str, int]]:
        """The documents' generations among these that nobody sees any more."""
        if len(found) == len(places):
            return []
        asked = {(document, generation) for document, generation, _ in places}
        documents = list({document for document, _ in asked})
        rows = await self._database.all(_SHOWN, documents=documents, organization=organization)
        return sorted(asked - {(row[0], row[1]) for row in rows})
