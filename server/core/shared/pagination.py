"""Lists: statements for any combination of filters, newest first, by page token or by offset."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Column, ColumnElement, Integer, bindparam, case, func, literal, literal_column, null, select

from server.core.shared.count_cache import CountCache
from server.core.shared.ids import parse_id
from server.errors import InvalidRequest, NotFound
from server.model import Record
from server.store.database import Database
from server.store.statement import Statement

R = TypeVar("R", bound=Record)
T = TypeVar("T")
# From where on an offset is no work for the event loop, nor are so many rows.
DEEP = 1000
MANY = 200
# How many characters a text in a list may have, and all of them in one answer. JSON makes up to six bytes of each, and
# the gateway passes on 16 MiB.
LONGEST = 8192
TOGETHER = 1_000_000
# What the measured columns of a page by token may hold together, unless one row has more, and how many rows are read in
# one turn of the loop where each may be large. A client of gRPC takes 4 MiB by default.
MAX_PAGE_BYTES = 2 << 20
LARGE_ROWS = 8


@dataclass(frozen=True, slots=True)
class Page(Generic[R]):
    """Rows newest first, and where the next page begins: the last row's id, or empty on the last page."""

    rows: Sequence[R]
    next_token: str = ""
    total: int = 0
    # How many characters a bounded text had to have at most to be whole here; see `BoundedTexts`.
    longest: int = LONGEST


class BoundedTexts:
    """What a list shows of columns that may be long, so that an answer has a bound however many rows it has.

    Of `cut` columns it is the beginning, with one character more than the bound where there is more. `whole` ones, of
    JSON and of values, are empty where they are longer.
    """

    def __init__(self, whole: Sequence[str] = (), cut: Sequence[str] = ()) -> None:
        self._whole = frozenset(whole)
        self._cut = frozenset(cut)

    def __bool__(self) -> bool:
        return bool(self._whole or self._cut)

    def longest(self, rows: int) -> int:
        """How many characters each text may have in an answer of so many rows."""
        return min(LONGEST, TOGETHER // (max(1, rows) * (len(self._whole) + len(self._cut))))

    def shown(self, column: Column[Any]) -> ColumnElement[Any]:
        """The column, within the bound that the parameter `longest` says."""
        longest = bindparam("longest", type_=Integer)
        if column.name in self._cut:
            return func.substr(column, 1, longest + 1).label(column.name)
        if column.name in self._whole:
            # A literal that is of the column's type, text or bytes.
            return case((func.length(column) > longest, literal_column("''")), else_=column).label(column.name)
        return column


UNBOUNDED = BoundedTexts()


def left_out(rows: Iterable[Record], columns: Iterable[str]) -> list[str]:
    """Which of these columns some of the rows lack because they are long."""
    return [name for name in columns if any(row.values()[name] in ("", b"") for row in rows)]


def first_within(most: int, rows: Sequence[T], size: Callable[[T], int]) -> Sequence[T]:
    """The first of these rows that come to at most this size together, and at least one."""
    for count, row in enumerate(rows):
        most -= size(row)
        if most < 0 and count:
            return rows[:count]
    return rows


class Listing(Generic[R]):
    """Lists of one table's rows, without long texts: `light` columns read as null.

    Lists by offset bound others as `texts` says. A page by token has them, and ends where its `measured` columns come
    to much. Rows that may have a mebibyte are `large`. Where rows are listed of one owner alone, `of` is the column
    that says whose they are; its index begins with it, and every list is asked with its value.
    """

    def __init__(
        self,
        table: type[R],
        where: Sequence[ColumnElement[bool]],
        filters: Sequence[str],
        light: Sequence[str] = (),
        spans: Mapping[str, ColumnElement[bool]] | None = None,
        indexed: Sequence[str] = (),
        leading: Sequence[str] = (),
        texts: BoundedTexts = UNBOUNDED,
        *,
        of: str = "",
        measured: Sequence[str] = (),
        large: bool = False,
    ) -> None:
        self._table = table
        self._of = of
        owner = (of,) if of else ()
        # Conditions that filters stand for which do not compare a column of their own name.
        self._spans = spans or {}
        self._where = where
        self._filters = filters
        self._light = light
        self._texts = texts
        self._measured = measured
        self._large = large
        # Filters with an index of their own. Others may pass over many rows, which is no work for the event loop.
        self._indexed = frozenset((*indexed, *leading, *owner))
        # Those whose index begins with them, and not with the organization.
        self._leading = frozenset((*leading, *owner))
        self._statements: dict[tuple[str, ...], tuple[Statement[R], Statement[R], Statement[Any]]] = {}

    def _statement(self, filters: Iterable[str]) -> tuple[Statement[R], Statement[R], Statement[Any]]:
        """For these filters: a list before an id, a list from an offset, and the count. Built when first asked for."""
        given = tuple(sorted(name for name in filters if name != self._of))
        known = self._statements.get(given)
        if known is None:
            unknown = [name for name in given if name not in self._filters and name not in self._spans]
            if unknown:
                raise TypeError(f"{self._table.__name__} is not listed by {unknown}")
            known = self._statements[given] = self._build(given)
        return known

    def _build(self, given: tuple[str, ...]) -> tuple[Statement[R], Statement[R], Statement[Any]]:
        table = self._table.table()
        if self._of:
            given = (*given, self._of)
        conditions = (self._spans[name] if name in self._spans else table.c[name] == bindparam(name) for name in given)
        where = [self._ours(given), *self._where, *conditions]

        def rows(texts: BoundedTexts) -> Any:
            shown = (self._shown(column, texts) for column in table.c)
            return select(*shown).where(*where).order_by(table.c.id.desc()).limit(bindparam("limit"))

        return (
            Statement(rows(UNBOUNDED).where(table.c.id < bindparam("before")), self._table),
            Statement(rows(self._texts).offset(bindparam("offset")), self._table),
            Statement(select(func.count()).select_from(table).where(*where)),
        )

    def _ours(self, given: tuple[str, ...]) -> ColumnElement[bool]:
        """What keeps other organizations' rows out."""
        organization: Any = self._table.table().c.organization_id
        if self._leading.intersection(given):
            # As an expression, so that SQLite takes the filter's index, and not the long one of all rows.
            organization = func.coalesce(organization, "")
        return organization == bindparam("organization")  # type: ignore[no-any-return]

    def _shown(self, column: Column[Any], texts: BoundedTexts) -> ColumnElement[Any]:
        if column.name in self._light:
            nothing: ColumnElement[Any] = null() if column.nullable else literal("")
            return nothing.label(column.name)
        return texts.shown(column)

    def _reader(self, database: Database, given: Mapping[str, Any]) -> Any:
        return database.all if not given or self._indexed & given.keys() else database.scan

    async def page(self, database: Database, organization: str, *, size: int, token: str, **filters: Any) -> Page[R]:
        """The page that `token` names. Raises InvalidRequest where it is not one of ours."""
        given = {name: value for name, value in filters.items() if value is not None}
        try:
            before = parse_id("page", token) if token else "g"
        except NotFound:
            raise InvalidRequest("page_token", "is not a token of this list") from None
        statement = self._statement(given)[0]
        read = self._reader(database, given)
        rows: list[R] = []
        wanted, left = size + 1, MAX_PAGE_BYTES
        while len(rows) < wanted:
            limit = min(LARGE_ROWS, wanted - len(rows)) if self._large else wanted
            found = await read(statement, organization=organization, before=before, limit=limit, **given)
            for row in found:
                left -= sum(len(row.values()[name] or "") for name in self._measured)
                if left < 0 and rows:
                    return Page(rows, next_token=rows[-1].values()["id"])
                rows.append(row)
            if len(found) < limit:
                break
            before = rows[-1].values()["id"]
            await asyncio.sleep(0)
        more = len(rows) > size
        return Page(rows[:size], next_token=rows[size - 1].values()["id"] if more else "")

    async def slice(
        self,
        database: Database,
        totals: CountCache | None,
        organization: str,
        *,
        limit: int,
        offset: int,
        **filters: Any,
    ) -> Page[R]:
        """Rows from `offset`, and how many there are in all; without `totals` where changes make no events."""
        given = {name: value for name, value in filters.items() if value is not None}
        _, statement, count = self._statement(given)
        if totals is not None:
            total = await totals.count(organization, count, **given)
        else:
            total = (await database.scan(count, organization=organization, **given))[0][0]
        expected = min(limit, max(0, total - offset))
        read = database.scan if offset > DEEP or expected > MANY else self._reader(database, given)
        longest = self._texts.longest(expected) if self._texts else LONGEST
        bound = {"longest": longest} if self._texts else {}
        rows = await read(statement, organization=organization, limit=limit, offset=offset, **bound, **given)
        return Page(rows, total=total, longest=longest)
