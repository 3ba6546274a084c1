"""What is looked for, and what a passage is found by, in the words of either database.

Both hold the same terms, which whoever writes has made of the texts, so both find the same passages. `scope` terms say
whose a passage is and of which document; what is looked for is always within a scope.
"""

from __future__ import annotations

from collections.abc import Sequence
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

    def fts(self, dialect: str, scope: str, *, every: bool) -> str:
        """In the words of a database: what has every wanted clause, or any, within a scope."""
        return self._fts5(scope, every=every) if dialect == "sqlite" else self._tsquery(scope, every=every)

    def _fts5(self, scope: str, *, every: bool) -> str:
        """For MATCH."""
        wanted = (" AND " if every else " OR ").join(map(_fts5_clause, self.wanted))
        found = f"scope : {_fts5_quoted(scope)} AND ({wanted})"
        if self.unwanted:
            found = f"({found}) NOT ({' OR '.join(map(_fts5_clause, self.unwanted))})"
        return found

    def _tsquery(self, scope: str, *, every: bool) -> str:
        """For a cast to tsquery."""
        wanted = (" & " if every else " | ").join(map(_ts_clause, self.wanted))
        found = f"{_ts_quoted(scope)}:D & ({wanted})"
        return found + "".join(f" & !{_ts_clause(clause)}" for clause in self.unwanted)


def _fts5_quoted(term: str) -> str:
    return '"' + term.replace('"', '""') + '"'


def _fts5_clause(clause: Clause) -> str:
    return "(" + " OR ".join(map(_fts5_row, clause.rows)) + ")"


def _fts5_row(row: Row) -> str:
    quoted = _fts5_quoted(" ".join(row.terms))
    return f"{{title body forms}} : {quoted} *" if row.prefix else f"{{title body}} : {quoted}"


def _ts_quoted(term: str) -> str:
    return "'" + term.replace("\\", "\\\\").replace("'", "''") + "'"


def _ts_clause(clause: Clause) -> str:
    return "(" + " | ".join(map(_ts_row, clause.rows)) + ")"


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
