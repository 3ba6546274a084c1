"""Being one of several: a condition whose values are one parameter, in the words of either database."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ARRAY, String, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import NullType

# For a Boolean, SQLAlchemy would add "= 1" on SQLite, and then no index is used.
_CONDITION = NullType()


class among(FunctionElement[Any]):  # noqa: N801
    """Whether a column is one of the ids in a parameter, divided by commas: unlike a list, that can be a key."""

    type = _CONDITION
    inherit_cache = True

    def __init__(self, column: Any, parameter: str) -> None:
        super().__init__(column, bindparam(parameter, type_=String))


@compiles(among, "sqlite")
def _on_sqlite(element: Any, compiler: Any, **given: Any) -> str:
    column, ids = (compiler.process(each, **given) for each in element.clauses)
    array = f"""'["' || replace({ids}, ',', '","') || '"]'"""
    return f"{column} IN (SELECT value FROM json_each({array}))"  # noqa: S608


@compiles(among, "postgresql")
def _on_postgres(element: Any, compiler: Any, **given: Any) -> str:
    column, ids = (compiler.process(each, **given) for each in element.clauses)
    return f"{column} = ANY(string_to_array({ids}, ','))"


class any_of(FunctionElement[Any]):  # noqa: N801
    """Whether a column is one of a parameter's list of texts, or of values of another type."""

    type = _CONDITION
    inherit_cache = True

    def __init__(self, column: Any, parameter: str, of: Any = String) -> None:
        super().__init__(column, bindparam(parameter, type_=ARRAY(of)))


@compiles(any_of, "sqlite")
def _listed_on_sqlite(element: Any, compiler: Any, **given: Any) -> str:
    column, listed = (compiler.process(each, **given) for each in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({listed}))"  # noqa: S608


@compiles(any_of, "postgresql")
def _listed_on_postgres(element: Any, compiler: Any, **given: Any) -> str:
    column, listed = (compiler.process(each, **given) for each in element.clauses)
    return f"{column} = any({listed})"
