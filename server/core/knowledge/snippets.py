"""Snippets: the part of a chunk that has most of what was looked for, with that marked."""

from __future__ import annotations

from collections import Counter
from html import escape

from server.core.knowledge.terms import Term, terms
from server.store.full_text.query import Query

CHARACTERS = 240
BEGIN, END, LEFT_OUT = "<mark>", "</mark>", "…"


def snippet(text: str, language: str, query: Query) -> str:
    """HTML: found words stand in `<mark>`, and what HTML would read is escaped."""
    found = [term for term in terms(text, language) if _is_wanted(term, query)]
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


def _is_wanted(term: Term, query: Query) -> bool:
    return any(
        term.text in row.terms
        or (row.prefix and (term.form.startswith(row.terms[-1]) or term.text.startswith(row.terms[-1])))
        for clause in query.wanted
        for row in clause.rows
    )


def _window(text: str, found: list[Term]) -> tuple[int, int]:
    """The part of about `CHARACTERS` with the most different terms, cut at spaces where there are some."""
    if len(text) <= CHARACTERS:
        return 0, len(text)
    best, first, inside = (0, 0, 0), 0, Counter[str]()
    for term in found:
        inside[term.text] += 1
        while term.end - found[first].start > CHARACTERS:
            inside[found[first].text] -= 1
            first += 1
        figure = sum(1 for count in inside.values() if count > 0), sum(inside.values()), -found[first].start
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
