"""Chunks: a document's text in pieces short enough to be read as an answer, cut where the document has its joints."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

# Characters. A chunk ends with the paragraph that takes it to TARGET; a longer paragraph is cut.
TARGET, MOST = 1000, 1500
_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+|(?<=[。！？])|\n")
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Block:
    """One paragraph, with the headings that it stands below, joined by ` › `, and its page; 0 where there are none."""

    text: str
    heading: str = ""
    page: int = 0


@dataclass(frozen=True, slots=True)
class Chunk:
    """Paragraphs that stand together."""

    text: str
    heading: str
    page: int

    @property
    def digest(self) -> str:
        """SHA-256 of the text, by which a citation can be checked."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def chunks(blocks: Iterable[Block]) -> Iterator[Chunk]:
    """The chunks of a document; none goes over a heading or a page."""
    texts: list[str] = []
    length = 0
    place = ("", 0)
    for block in blocks:
        if texts and (block.heading, block.page) != place:
            yield Chunk("\n\n".join(texts), *place)
            texts, length = [], 0
        place = (block.heading, block.page)
        for text in _cut(block.text):
            if texts and length + len(text) > MOST:
                yield Chunk("\n\n".join(texts), *place)
                texts, length = [], 0
            texts.append(text)
            length += len(text) + 2
            if length >= TARGET:
                yield Chunk("\n\n".join(texts), *place)
                texts, length = [], 0
    if texts:
        yield Chunk("\n\n".join(texts), *place)


def _cut(text: str) -> Iterator[str]:
    """A paragraph in parts of at most MOST: after sentences, else between words, else wherever it must be."""
    text = text.strip()
    while len(text) > MOST:
        at = _last(_SENTENCE_END, text) or _last(_SPACE, text) or MOST
        part = text[:at].strip()
        if part:
            yield part
        text = text[at:].strip()
    if text:
        yield text


def _last(joint: re.Pattern[str], text: str) -> int:
    """Where the last joint ends that leaves a part of a good length; 0 where there is none."""
    best = 0
    for found in joint.finditer(text, TARGET // 2, MOST):
        best = found.end()
    return best
