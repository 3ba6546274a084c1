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
