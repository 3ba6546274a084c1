"""The index of chunks: written, searched and cleared in the words of either database."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
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
# How many chunks a clause is in, up to `most`, and about how many there are.
COUNT = Statement[Any](
    text(
        "SELECT count(*) FROM (SELECT 1 FROM chunk_index "
        "WHERE terms @@ CAST(CAST(:query AS text) AS tsquery) LIMIT CAST(:most AS integer)) AS found"
    ),
    on_sqlite=text(
        "SELECT count(*) FROM (SELECT 1 FROM chunk_index WHERE chunk_index MATCH :query LIMIT :most) AS found"
    ),
)
SIZE = Statement[Any](text("SELECT coalesce(max(id), 0) FROM chunks"))
_FOUND = (
    "chunks.id, chunks.number, chunks.text, chunks.heading, chunks.page, chunks.digest, chunks.revision, "
    "documents.id, documents.title, documents.tags, documents.language"
)
# Of the organization, and of the generation that its document shows.
_SHOWN = (
    "documents.id = chunks.document_id "
    "AND documents.organization_id = :organization AND documents.generation = chunks.generation"
)
_TAGGED = (
    " AND (SELECT count(*) FROM document_tags AS tagged WHERE tagged.organization_id = documents.organization_id "
    "AND tagged.document_id = documents.id AND tagged.tag {among}) = :tag_count"
)
_AMONG = "= ANY(CAST(:tags AS text[]))", "IN (SELECT value FROM json_each(:tags))"
_AT = (
    "(chunks.document_id, chunks.generation, chunks.number) = (asked.document, asked.generation, asked.number) "
    f"JOIN documents ON {_SHOWN}"
)


def _at_places(*, tagged: bool) -> Statement[Any]:
    among, among_on_sqlite = _AMONG
    return Statement(
        text(
            f"SELECT {_FOUND}, 0.0 FROM unnest(CAST(:documents AS text[]), CAST(:generations AS integer[]), "  # noqa: S608
            "CAST(:numbers AS integer[])) WITH ORDINALITY AS asked(document, generation, number, place) "
            f"JOIN chunks ON {_AT}{_TAGGED.format(among=among) if tagged else ''} ORDER BY asked.place"
        ),
        on_sqlite=text(
            f"SELECT {_FOUND}, 0.0 FROM (SELECT d.key AS place, d.value AS document, g.value AS generation, "  # noqa: S608
            "n.value AS number FROM json_each(:documents) AS d JOIN json_each(:generations) AS g ON g.key = d.key "
            "JOIN json_each(:numbers) AS n ON n.key = d.key) AS asked "
            f"CROSS JOIN chunks ON {_AT}{_TAGGED.format(among=among_on_sqlite) if tagged else ''} ORDER BY asked.place"
        ),
    )


# The chunks at these places, in this order, as far as the caller may see them, and of documents with all of some tags.
AT_PLACES = _at_places(tagged=False)
AT_PLACES_TAGGED = _at_places(tagged=True)
_BM25 = f"-bm25(chunk_index, 0.0, {TITLE}, {BODY}, {FORM})"
_WEIGHTS = f"{{0, {FORM / TITLE}, {BODY / TITLE}, 1}}"


@cache
def search(clauses: int) -> Statement[Any]:
    """The best `most` chunks of a query; the columns of its document are null for those that the caller must not see.

    On PostgreSQL a chunk counts for each of so many `clause_0 …` what it says of it times `weight_0 …`; SQLite knows
    itself how rare words are.
    """
    joined = f"LEFT JOIN chunks ON chunks.id = found.id LEFT JOIN documents ON {_SHOWN}"
    order = "ORDER BY found.score DESC, found.id"
    return Statement(
        # All of it is written here, and what callers say comes in parameters.
        text(
            f"SELECT {_FOUND}, found.score FROM (SELECT chunk_index.chunk_id AS id, {_score(clauses)} AS score "  # noqa: S608
            f"FROM {_asked(clauses)} JOIN chunk_index ON chunk_index.terms @@ asked.query "
            f"ORDER BY score DESC, id LIMIT CAST(:most AS integer)) AS found {joined} {order}"
        ),
        on_sqlite=text(
            f"SELECT {_FOUND}, found.score FROM (SELECT chunk_index.rowid AS id, {_BM25} AS score "  # noqa: S608
            f"FROM chunk_index WHERE chunk_index MATCH :query ORDER BY score DESC, id LIMIT :most) AS found "
            f"{joined} {order}"
        ),
    )


@cache
def search_all(clauses: int, *, tagged: bool) -> Statement[Any]:
    """As `search`, but only what the caller may see, and of documents with all of some tags, takes a place."""
    order = "ORDER BY score DESC, chunks.id LIMIT"
    among, among_on_sqlite = _AMONG
    return Statement(
        text(
            f"SELECT {_FOUND}, {_score(clauses)} AS score FROM {_asked(clauses)} "  # noqa: S608
            "JOIN chunk_index ON chunk_index.terms @@ asked.query JOIN chunks ON chunks.id = chunk_index.chunk_id "
            f"JOIN documents ON {_SHOWN}{_TAGGED.format(among=among) if tagged else ''} {order} CAST(:most AS integer)"
        ),
        on_sqlite=text(
            f"SELECT {_FOUND}, {_BM25} AS score FROM chunk_index JOIN chunks ON chunks.id = chunk_index.rowid "  # noqa: S608
            f"JOIN documents ON {_SHOWN}{_TAGGED.format(among=among_on_sqlite) if tagged else ''} "
            f"WHERE chunk_index MATCH :query {order} :most"
        ),
    )


def _score(clauses: int) -> str:
    return " + ".join(
        f"CAST(:weight_{n} AS real) * ts_rank('{_WEIGHTS}', chunk_index.terms, asked.clause_{n}, 1)"
        for n in range(clauses)
    )


def _asked(clauses: int) -> str:
    """The queries as a row, which is read once and not for every chunk."""
    names = ["query", *(f"clause_{n}" for n in range(clauses))]
    columns = ", ".join(f"CAST(CAST(:{name} AS text) AS tsquery) AS {name}" for name in names)
    return f"(SELECT {columns} OFFSET 0) AS asked"


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
