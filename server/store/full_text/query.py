"""What is looked for, and what a passage is found by, in the words of either database.

Both hold the same terms, which whoever writes has made of the texts, so both find the same passages. `scope` terms say
whose a passage is and of which document; what is looked for is always within a scope.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# What a term counts for in a title and in the text, and a word as it stands there, which is found by its beginning.
TITLE, BODY, FORM = 4.0, 1.0, 0.2
# PostgreSQL keeps positions up to here.
_LAST_POSITION = 16_000
# Nothing in a title is next to anything in the text.
_GAP = 100


@dataclass(frozen=True, slots=True)
class Row:
    """Terms next to each other, letters and digits alone; the last one may be only a beginning."""

    terms: tuple[str, ...]
    prefix: bool = False


@dataclass(frozen=True, slots=True)
class Clause:
    """One thing that is looked for: any of these."""

    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for, and what must not be there."""

    wanted: tuple[Clause, ...]
    unwanted: tuple[Clause, ...] = ()

    @property
    def single(self) -> bool:
        """Whether all of it and any of it are the same."""
        return len(self.wanted) == 1

    def fts(self, dialect: str, scope: str, *, every: bool = False, among: Sequence[Clause] = ()) -> str:
        """In the words of a database: what has every wanted clause, or any of them, or of those `among` them.

        An empty `scope` is all that there is, for callers who leave out by themselves what is not theirs.
        """
        among = among or self.wanted
        return (
            self._fts5(scope, among, every=every) if dialect == "sqlite" else self._tsquery(scope, among, every=every)
        )

    def _fts5(self, scope: str, among: Sequence[Clause], *, every: bool) -> str:
        """For MATCH."""
        found = _joined(" AND " if every else " OR ", map(_fts5_clause, among))
        if len(among) < len(self.wanted):
            # Always so as well, and only said because a passage counts for what is said.
            found = f"{found} AND {_joined(' OR ', map(_fts5_clause, self.wanted))}"
        if scope:
            found = f"{scope_fts('sqlite', scope)} AND {found}"
        if self.unwanted:
            found = f"({found}) NOT {_joined(' OR ', map(_fts5_clause, self.unwanted))}"
        return found

    def _tsquery(self, scope: str, among: Sequence[Clause], *, every: bool) -> str:
        """For a cast to tsquery."""
        found = _joined(" & " if every else " | ", map(ts_clause, among))
        if scope:
            found = f"{scope_fts('postgresql', scope)} & {found}"
        return found + "".join(f" & !{ts_clause(clause)}" for clause in self.unwanted)


def counted_fts(dialect: str, clause: Clause) -> str:
    """What a clause is counted by: on PostgreSQL wherever in a chunk it stands, which an index knows by itself."""
    if dialect == "sqlite":
        return _fts5_clause(clause)
    rows = (" <-> ".join(map(_ts_quoted, row.terms)) + (":*" if row.prefix else "") for row in clause.rows)
    return _joined(" | ", (f"({row})" for row in rows))


def scope_fts(dialect: str, scope: str) -> str:
    """All that is in a scope."""
    return f"scope : {_fts5_quoted(scope)}" if dialect == "sqlite" else f"{_ts_quoted(scope)}:D"


def _joined(operator: str, parts: Iterable[str]) -> str:
    return "(" + operator.join(parts) + ")"


def _fts5_quoted(term: str) -> str:
    return '"' + term.replace('"', '""') + '"'


def _fts5_clause(clause: Clause) -> str:
    return _joined(" OR ", map(_fts5_row, clause.rows))


def _fts5_row(row: Row) -> str:
    quoted = _fts5_quoted(" ".join(row.terms))
    return f"{{title body forms}} : {quoted} *" if row.prefix else f"{{title body}} : {quoted}"


def _ts_quoted(term: str) -> str:
    return "'" + term.replace("\\", "\\\\").replace("'", "''") + "'"


def ts_clause(clause: Clause) -> str:
    """One clause, for a cast to tsquery."""
    return _joined(" | ", map(_ts_row, clause.rows))


def _ts_row(row: Row) -> str:
    quoted = [_ts_quoted(term) for term in row.terms]
    weights = ":*ABC" if row.prefix else ":AB"
    quoted = [f"{each}:AB" for each in quoted[:-1]] + [f"{quoted[-1]}{weights}"]
    return "(" + " <-> ".join(quoted) + ")"


def tsvector(scope: Sequence[str], title: str, body: str, forms: str) -> str:
    """For a cast to tsvector: the terms, divided by spaces, with their places and weights."""
    places: dict[str, list[str]] = {}
    position = 0
    for text, weight in ((title, "A"), (body, "B")):
        for term in text.split():
            position = min(position + 1, _LAST_POSITION)
            places.setdefault(term, []).append(f"{position}{weight}")
        position += _GAP
    # Next to nothing, and found by their beginnings alone, or as a scope alone.
    for term, weight in ((term, weight) for terms, weight in ((forms.split(), "C"), (scope, "D")) for term in terms):
        places.setdefault(term, []).append(f"{_LAST_POSITION}{weight}")
    return " ".join(f"{_ts_quoted(term)}:{','.join(places[term])}" for term in places)
