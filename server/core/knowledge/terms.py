"""Terms: what a text is found by, and where in the text they are.

Words are cut down to their stems. Chinese, Japanese and Korean put no spaces between words: there each pair of
characters is a term, and the last character of a row, so that one character is found as the beginning of a pair.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from server.core.knowledge.languages import LONGEST, plain, stem

# Kana, Han and Hangul; halfwidth forms become these.
_ROWS = (
    "\u1100-\u11ff\u3040-\u30ff\u3130-\u318f\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\uff66-\uffdc\U00020000-\U0003ffff"
)
# Marks that belong to the letter before them.
_MARKS = (
    "\u0300-\u036f\u0483-\u0487\u0591-\u05c7\u0610-\u061a\u064b-\u065f"
    "\u0900-\u0903\u093a-\u094f\u0e31\u0e34-\u0e3a\u0e47-\u0e4e"
)
_PIECE = re.compile(rf"([{_ROWS}]+)|([^\W_{_ROWS}][^\W_{_ROWS}{_MARKS}]*(?:[{_MARKS}]+[^\W_{_ROWS}]*)*)")


@dataclass(frozen=True, slots=True)
class Term:
    """One term, and the part of the text that it stands for."""

    text: str
    start: int
    end: int
    # The word as it stands there, in lower case and without accents; the term itself where it is no word.
    form: str


def terms(text: str, language: str) -> Iterator[Term]:
    """A text's terms, in order."""
    for found in _PIECE.finditer(text):
        start, end = found.span()
        row = found[1]
        if row is None:
            word = found[2][:LONGEST]
            term = stem(word, language)
            if term:
                yield Term(term, start, end, plain(word))
            continue
        for at in range(start, end - 1):
            pair = plain(text[at : at + 2])
            if pair:
                yield Term(pair, at, at + 2, pair)
        last = plain(text[end - 1])
        if last:
            yield Term(last, end - 1, end, last)


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of what somebody looks for: a word, or a row of characters without spaces."""

    text: str
    row: bool


def beginning(text: str, words: int) -> str:
    """A text as far as so many of its words and rows go."""
    last = next(islice(_PIECE.finditer(text), words, None), None)
    return text if last is None else text[: last.start()]


def pieces(text: str) -> list[Piece]:
    """The words and rows of a text."""
    return [Piece(found[0], found[1] is not None) for found in _PIECE.finditer(text)]
