"""The index of chunks: written, searched and cleared in the words of either database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text

from server.store.full_text.query import BODY, FORM, TITLE, tsvector
from server.store.statement import Statement

# Ids for new chunks. On SQLite nobody else writes meanwhile, and the last ones may be used again once they are free.
RESERVE = Statement[Any](
    text("SELECT nextval('chunk_ids') FROM generate_series(1, CAST(:count AS integer))"),
    on_sqlite=text(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count) "
        "SELECT coalesce((SELECT max(id) FROM chunks), 0) + i FROM n"
    ),
)
WRITE = Statement[Any](
    text("INSERT INTO chunk_index (chunk_id, terms) VALUES (:chunk, CAST(CAST(:terms AS text) AS tsvector))"),
    on_sqlite=text(
        "INSERT INTO chunk_index (rowid, scope, title, body, forms) VALUES (:chunk, :scope, :title, :body, :forms)"
    ),
)
CLEAR = Statement[Any](
    text("DELETE FROM chunk_index WHERE chunk_id = ANY(CAST(:chunks AS bigint[]))"),
    on_sqlite=text("DELETE FROM chunk_index WHERE rowid IN (SELECT value FROM json_each(:chunks))"),
)
_FOUND = (
    "chunks.id, chunks.number, chunks.text, chunks.heading, chunks.page, chunks.digest, chunks.revision, "
    "documents.id, documents.title, documents.tags, documents.language"
)
# Of the organization, and of the generation that its document shows.
_SHOWN = "documents.organization_id = :organization AND documents.generation = chunks.generation"
_TAGGED = (
    " AND (SELECT count(*) FROM document_tags AS tagged WHERE tagged.organization_id = documents.organization_id "
    "AND tagged.document_id = documents.id AND tagged.tag {among}) = :tag_count"
)


def _search(tagged: str, tagged_on_sqlite: str) -> Statement[Any]:
    rank = f"ts_rank('{{0, {FORM / TITLE}, {BODY / TITLE}, 1}}', chunk_index.terms, query, 1)"
    order = "ORDER BY score DESC, chunks.id LIMIT :most"
    joined = "JOIN chunks ON chunks.id = {id} JOIN documents ON documents.id = chunks.document_id"
    return Statement(
        # All of it is written here, and what callers say comes in parameters.
        text(
            f"SELECT {_FOUND}, {rank} AS score "  # noqa: S608
            f"FROM chunk_index {joined.format(id='chunk_index.chunk_id')}, "
            "CAST(CAST(:query AS text) AS tsquery) AS query "
            f"WHERE chunk_index.terms @@ query AND {_SHOWN}{tagged} {order}"
        ),
        on_sqlite=text(
            f"SELECT {_FOUND}, -bm25(chunk_index, 0.0, {TITLE}, {BODY}, {FORM}) AS score "  # noqa: S608
            f"FROM chunk_index {joined.format(id='chunk_index.rowid')} "
            f"WHERE chunk_index MATCH :query AND {_SHOWN}{tagged_on_sqlite} {order}"
        ),
    )


# The best chunks of a query, with their documents and scores; those of documents with all of some tags.
SEARCH = _search("", "")
SEARCH_TAGGED = _search(
    _TAGGED.format(among="= ANY(CAST(:tags AS text[]))"),
    _TAGGED.format(among="IN (SELECT value FROM json_each(:tags))"),
)


def scope(organization: str, document: str) -> tuple[str, str]:
    """The terms that say whose a chunk is, and of which document."""
    return of_organization(organization), of_document(document)


def of_organization(organization: str) -> str:
    """The term of what an organization has."""
    return f"o{organization.replace('-', '')}"


def of_document(document: str) -> str:
    """The term of what is in a document."""
    return f"d{document}"


def row(dialect: str, chunk: int, scope: Sequence[str], title: str, body: str, forms: str) -> dict[str, Any]:
    """What `WRITE` takes."""
    if dialect == "sqlite":
        return {"chunk": chunk, "scope": " ".join(scope), "title": title, "body": body, "forms": forms}
    return {"chunk": chunk, "terms": tsvector(scope, title, body, forms)}
