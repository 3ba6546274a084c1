"""Statements: SQLAlchemy expressions, compiled once for each database and then run as plain text."""

from __future__ import annotations

import re
from functools import cache, cached_property
from typing import Any, Generic, TypeVar, cast

from sqlalchemy import Executable, bindparam, insert, update
from sqlalchemy.dialects.postgresql import asyncpg
from sqlalchemy.dialects.sqlite import dialect as sqlite
from sqlalchemy.sql import visitors
from sqlalchemy.sql.compiler import SQLCompiler

from server.model import Record

R = TypeVar("R")
_NO_OFFSET = re.compile(r"\s+OFFSET :param_\d+")
_LOCKS = re.compile(r"\bFOR (NO KEY UPDATE|UPDATE|SHARE|KEY SHARE)\b")
# A feed's next numbers and the events that get them, in one round trip on PostgreSQL.
_APPEND = """
advanced AS (
    INSERT INTO feeds (organization_id, head, trimmed) SELECT $1, $2, 0 WHERE {ready}
    ON CONFLICT (organization_id) DO UPDATE SET head = feeds.head + $2 RETURNING head
)
INSERT INTO events (organization_id, number, created_at, {columns})
SELECT $1, advanced.head - $2 + new.place, $3, {columns} FROM advanced, unnest({arrays})
    WITH ORDINALITY AS new ({columns}, place)
RETURNING number
"""
APPENDED = (
    "type",
    "resource_id",
    "session_id",
    "agent_id",
    "payload",
    "actor",
    "credential",
    "via",
    "address",
    "traceparent",
)
_APPEND = _APPEND.replace("{columns}", ", ".join(APPENDED)).replace(
    "{arrays}", ", ".join(f"${place}::text[]" for place, _ in enumerate(APPENDED, 4))
)
_PARAMETER = re.compile(r"\$(\d+)")


class Statement(Generic[R]):
    """An expression whose parameters are `bindparam`s, and the class of its rows, if it returns whole rows.

    `on_sqlite` is the same for SQLite, where that has to say it in other words.
    """

    def __init__(
        self, expression: Executable, row: type[R] | None = None, *, on_sqlite: Executable | None = None
    ) -> None:
        self.expression = expression
        self._on_sqlite = on_sqlite if on_sqlite is not None else expression
        self.load: Any = cast(Any, row).load if row is not None else tuple

    @cached_property
    def sqlite(self) -> str:
        """The text for SQLite; parameters are `:name`."""
        # The dialect adds "OFFSET 0", as a parameter, to every LIMIT.
        return _NO_OFFSET.sub("", str(_compile(self._on_sqlite, sqlite(paramstyle="named"))))

    @cached_property
    def postgres(self) -> tuple[str, tuple[str, ...]]:
        """The text for PostgreSQL, whose parameters are `$1 …`, and their names in order."""
        compiled = _compile(self.expression, asyncpg.dialect())  # type: ignore[no-untyped-call]
        return str(compiled), tuple(compiled.positiontup or ())

    @cached_property
    def only_reads(self) -> bool:
        """Whether it is a plain SELECT, which on PostgreSQL neither changes nor locks a row."""
        text, _ = self.postgres
        return text.startswith("SELECT") and not _LOCKS.search(text)


def _compile(expression: Executable, dialect: Any) -> SQLCompiler:
    """Compiles with constants written out, because only then can partial indexes be used."""
    written = visitors.cloned_traverse(cast(Any, expression), {}, {"bindparam": _write_out})
    return cast(SQLCompiler, written.compile(dialect=dialect, compile_kwargs={"render_postcompile": True}))


def _write_out(parameter: Any) -> None:
    if parameter.required:
        # The compiler would ask for its value now.
        parameter.required = False
    else:
        parameter.literal_execute = True


@cache
def insertion(table: type[Record]) -> Statement[Any]:
    """INSERT of a whole row of `table`."""
    return Statement(insert(table.table()))


@cache
def change(table: type[Record], columns: tuple[str, ...]) -> Statement[Any]:
    """UPDATE of these columns of the row whose id is the parameter `row`."""
    target = table.table()
    values: dict[str, Any] = {column: bindparam(column) for column in columns}
    return Statement(update(target).where(target.c.id == bindparam("row")).values(values))


@cache
def append(written: Statement[Any] | None) -> tuple[str, tuple[str, ...]]:
    """The text that appends events, after a change of one row where there is one, and the change's parameters."""
    if written is None:
        return "WITH" + _APPEND.format(ready="TRUE"), ()
    text, order = written.postgres
    # The row first: whoever has the feed's lock must not wait for a row. So the feed asks how many were written.
    # Foreign keys are checked last, and wait for nobody: what they point to is neither deleted nor locked FOR UPDATE.
    text_of_append = _APPEND.format(ready="(SELECT count(*) FROM written) >= 0")
    text_of_append = _PARAMETER.sub(lambda match: f"${int(match[1]) + len(order)}", text_of_append)
    return f"WITH written AS ({text} RETURNING 1), {text_of_append}", order
