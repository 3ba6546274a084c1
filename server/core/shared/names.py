"""Names: what agents, projects and people are called, looked up for many rows at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import bindparam, select

from server.model import Agent, Project, Record, Task, User
from server.store.among import any_of
from server.store.statement import Statement
from server.store.transaction import Reader, in_pieces

# A thing that has a name: its kind, and its id as digits.
Reference = tuple[str, str]
NamesById = Mapping[str, str]
TOGETHER = 500


def _statement(table: type[Record], column: str) -> Statement[tuple[str, str]]:
    columns = table.table().c
    named = select(columns.id, columns[column]).where(columns.organization_id == bindparam("organization"))
    return Statement(named.where(any_of(columns.id, "ids")))


_BY_KIND: Mapping[str, Statement[Any]] = {
    "agent": _statement(Agent, "name"),
    "project": _statement(Project, "name"),
    "task": _statement(Task, "title"),
    "user": _statement(User, "name"),
}


class Names:
    """Names for whoever has no database of his own."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def of(self, organization: str, references: Iterable[Reference]) -> NamesById:
        """The names of these things, by id."""
        return await names_of(self._reader, organization, references)


async def names_of(reader: Reader, organization: str, references: Iterable[Reference]) -> NamesById:
    """The names of these things, by id, with a statement for each kind; what is not there has none."""
    by_kind: dict[str, set[str]] = {}
    for kind, identifier in references:
        by_kind.setdefault(kind, set()).add(identifier)
    found: dict[str, str] = {}
    for kind, identifiers in by_kind.items():
        for ids in in_pieces(sorted(identifiers), TOGETHER):
            found.update(await reader.all(_BY_KIND[kind], organization=organization, ids=ids))
    return found
