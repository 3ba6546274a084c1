"""The index of tasks by their titles and descriptions, in the words of either database."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, ColumnElement, String, Text, bindparam, cast, column, literal_column, table, text
from sqlalchemy.dialects.postgresql import TSQUERY

from server.store.full_text.query import tsvector
from server.store.statement import Statement

# What is joined with tasks; `rowid` is there on SQLite alone.
INDEX = table("task_index", column("task_id", String), column("rowid", BigInteger))
WRITE = Statement[Any](
    text(
        "INSERT INTO task_index (task_id, terms) VALUES (:task, CAST(CAST(:terms AS text) AS tsvector)) "
        "ON CONFLICT (task_id) DO UPDATE SET terms = excluded.terms"
    ),
    on_sqlite=text(
        "INSERT INTO task_index (rowid, scope, title, body, forms, task_id) "
        "VALUES (:place, :scope, :title, :body, :forms, :task)"
    ),
)
CLEAR = Statement[Any](
    text("DELETE FROM task_index WHERE task_id = :task"), on_sqlite=text("DELETE FROM task_index WHERE rowid = :place")
)


def found(dialect: str) -> ColumnElement[bool]:
    """Whether a row of the index has what the parameter `query` looks for."""
    if dialect == "sqlite":
        return literal_column("task_index").op("MATCH", is_comparison=True)(bindparam("query", type_=String))
    query = cast(cast(bindparam("query", type_=Text), Text), TSQUERY)
    return literal_column("task_index.terms").op("@@", is_comparison=True)(query)


def place(task: str) -> int:
    """Where a task's row is on SQLite: in the order in which tasks came, which is the order that lists have.

    Two tasks share a place where they came within the same quarter of a microsecond and chance had it, once in 512.
    """
    milliseconds, fraction, chance = int(task[:12], 16), int(task[13:16], 16), int(task[16:], 16)
    return (milliseconds << 21 | fraction << 9 | chance >> 53 & 0x1FF) & (1 << 63) - 1


def of_organization(organization: str) -> str:
    """The term of what an organization has."""
    return f"o{organization.replace('-', '')}"


def row(dialect: str, task: str, organization: str, title: str, body: str, forms: str) -> dict[str, Any]:
    """What `WRITE` takes."""
    scope = of_organization(organization)
    if dialect == "sqlite":
        terms = {"scope": scope, "title": title, "body": body, "forms": forms}
        return {"task": task, "place": place(task), **terms}
    return {"task": task, "terms": tsvector([scope], title, body, forms)}


def key(dialect: str, task: str) -> dict[str, Any]:
    """What `CLEAR` takes."""
    return {"place": place(task)} if dialect == "sqlite" else {"task": task}
