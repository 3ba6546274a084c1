"""Snippets: the part of a chunk that has most of what was looked for, with that marked."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from html import escape

from server.core.knowledge.terms import Term, terms
from server.store.full_text.query import Query

CHARACTERS = 240
BEGIN, END, LEFT_OUT = "<mark>", "</mark>", "…"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is marked: these terms, and whatever begins with one of these."""

    terms: frozenset[str]
    beginnings: tuple[str, ...]

    @classmethod
    def of(cls, query: Query) -> Wanted:
        """What a query looks for."""
        rows = [row for clause in query.wanted for row in clause.rows]
        return cls(
            frozenset(term for row in rows for term in row.terms), tuple(row.terms[-1] for row in rows if row.prefix)
        )

    def has(self, term: Term) -> bool:
        """Whether a term is marked."""
        if term.text in self.terms:
            return True
        return term.form.startswith(self.beginnings) or term.text.startswith(self.beginnings)


def snippet(text: str, language: str, wanted: Wanted) -> str:
    """HTML: found words stand in `<mark>`, and what HTML would read is escaped."""
    found = [term for term in terms(text, language) if wanted.has(term)]
    start, end = _window(text, found)
    shown, at = [LEFT_OUT if start else ""], start
    for term in found:
        if term.start >= start and term.end <= end and term.end > at:
            begin = max(at, term.start)
            shown += [escape(text[at:begin], quote=False), BEGIN, escape(text[begin : term.end], quote=False), END]
            at = term.end
    shown += [escape(text[at:end], quote=False), LEFT_OUT if end < len(text) else ""]
    # Pairs of characters follow each other without a gap.
    return "".join(shown).replace(END + BEGIN, "")


def _window(text: str, found: list[Term]) -> tuple[int, int]:
    """The part of about `CHARACTERS` with the most different terms, cut at spaces where there are some."""
    if len(text) <= CHARACTERS:
        return 0, len(text)
    best, first, different, inside = (0, 0, 0), 0, 0, Counter[str]()
    for place, term in enumerate(found):
        inside[term.text] += 1
        different += inside[term.text] == 1
        while term.end - found[first].start > CHARACTERS:
            inside[found[first].text] -= 1
            different -= inside[found[first].text] == 0
            first += 1
        figure = different, place + 1 - first, -found[first].start
        if figure > best or best == (0, 0, 0):
            best, middle = figure, (found[first].start + term.end) // 2
    if not found:
        middle = 0
    start = max(0, min(middle - CHARACTERS // 2, len(text) - CHARACTERS))
    end = start + CHARACTERS
    if start:
        space = text.find(" ", start, start + 20)
        start = space + 1 if space >= 0 else start
    if end < len(text):
        space = text.rfind(" ", end - 20, end)
        end = space if space >= 0 else end
    return start, end
