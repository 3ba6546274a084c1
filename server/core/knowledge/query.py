"""What people type to find passages: words, "quoted phrases", -without and begin*."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from server.core.knowledge.languages import LONGEST, is_frequent, plain, stem
from server.core.knowledge.terms import beginning, pieces, terms
from server.errors import InvalidRequest
from server.pace import Pace
from server.store.full_text.query import Clause, Query, Row

MAX_CHARACTERS = 1000
MAX_CLAUSES = 32
MAX_WORDS = 48
# Rows of characters without spaces have no stems.
ANY_LANGUAGE = "english"
# A phrase in quotes, or what stands between spaces, each with what may stand before or behind it.
_PART = re.compile(r'(-?)"([^"]*)"?|(-?)([^\s"]+)')


async def parse_query(text: str, languages: Sequence[str]) -> Query:
    """What is looked for, in the words of every language that passages are in. Raises InvalidRequest."""
    if len(text) > MAX_CHARACTERS:
        raise InvalidRequest("q", f"must have at most {MAX_CHARACTERS} characters")
    text = beginning(text, MAX_WORDS)
    await _stem_all(text, languages)
    wanted: list[Clause] = []
    common: list[Clause] = []
    unwanted: list[Clause] = []
    for minus, phrase, bare_minus, bare in _PART.findall(text):
        into = unwanted if minus or bare_minus else wanted
        if phrase:
            into.extend(_phrase(phrase, languages))
        elif bare:
            # What says nothing by itself is looked for only where nothing else is.
            frequent = into is wanted and not bare.endswith("*") and is_frequent(bare, languages)
            (common if frequent else into).extend(_words(bare, languages))
    wanted = _once(wanted or common)
    if not wanted:
        raise InvalidRequest("q", "must have a word to look for")
    return Query(tuple(wanted[:MAX_CLAUSES]), tuple(_once(unwanted)[:MAX_CLAUSES]))


async def _stem_all(text: str, languages: Sequence[str]) -> None:
    """Finds the stems of all words, which are remembered: each takes tens of microseconds in each language."""
    pace = Pace()
    for piece in pieces(text):
        for language in () if piece.row else languages:
            stem(piece.text[:LONGEST], language)
            await pace.turn()


def is_plain(text: str) -> bool:
    """Whether it has words alone: what is only like it need not have what is quoted, nor lack what is unwanted."""
    return not any(
        minus or bare_minus or not bare or bare.endswith("*") for minus, _, bare_minus, bare in _PART.findall(text)
    )


def _words(text: str, languages: Sequence[str]) -> Iterable[Clause]:
    found = pieces(text)
    for piece in found:
        prefix = piece is found[-1] and text.endswith("*")
        if piece.row:
            yield from _row(piece.text, prefix=prefix)
        elif prefix:
            beginnings = dict.fromkeys([plain(piece.text[:LONGEST]), *_stems(piece.text, languages)])
            yield Clause(tuple(Row((each,), prefix=True) for each in beginnings if each))
        elif stems := _stems(piece.text, languages):
            yield Clause(tuple(Row((each,)) for each in stems))


def _row(text: str, *, prefix: bool) -> Iterable[Clause]:
    """A row of characters without spaces is looked for by its pairs; one character as the beginning of a pair."""
    found = [term.text for term in terms(text, ANY_LANGUAGE)]
    if len(found) == 1 or prefix:
        yield Clause((Row(tuple(found), prefix=True),))
    else:
        # The last character by itself is in the last pair.
        yield from (Clause((Row((each,)),)) for each in found[:-1])


def _phrase(text: str, languages: Sequence[str]) -> Iterable[Clause]:
    rows: dict[Row, None] = {}
    for language in languages:
        found = list(terms(text, language))
        # Inside a longer row the last character of this one is no term.
        ends_in_row = len(found) > 1 and pieces(text)[-1].row and found[-1].start > found[-2].start
        if ends_in_row and found[-1].end == found[-2].end:
            found.pop()
        alone = len(found) == 1 and pieces(text)[-1].row and len(found[0].text) == 1
        if found:
            rows[Row(tuple(term.text for term in found), prefix=alone)] = None
    if rows:
        yield Clause(tuple(rows))


def _stems(word: str, languages: Sequence[str]) -> list[str]:
    found = (term.text for language in languages for term in terms(word, language))
    return list(dict.fromkeys(found))


def _once(clauses: Iterable[Clause]) -> list[Clause]:
    return list(dict.fromkeys(clauses))
