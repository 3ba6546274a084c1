"""The paragraphs of texts: plain ones, Markdown, source code, HTML, CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from server.core.knowledge.chunks import Block
from server.work.extraction.kinds import Kind, Unreadable

BETWEEN = " › "
_HEADING = re.compile(r"^(#{1,6})\s+(.*)$")
_FENCE = re.compile(r"^\s*(```|~~~)")
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_BLOCKS = frozenset(
    (
        *("p", "li", "dt", "dd", "pre", "blockquote", "td", "th", "caption", "figcaption", "summary", "address"),
        *("div", "section", "article", "tr", "br", "ul", "ol", "table"),
    )
)
_IGNORED = "script, style, noscript, template, svg, nav, iframe, object"
# How deep a JSON text may be nested, and how wide a table is.
MOST_DEEP, MOST_COLUMNS = 200, 500


def decoded(path: Path, kind: Kind) -> str:
    """The whole text, with ends of lines as they are usual."""
    return path.read_text(kind.charset, errors="replace").lstrip("\ufeff").replace("\0", " ")


def paragraphs(text: str) -> Iterator[Block]:
    """Of a plain text: what stands between empty lines."""
    for part in re.split(r"\n\s*\n|\f", text):
        yield Block(part)


def source(text: str) -> Iterator[Block]:
    """Of source code: the same, but lines keep their indentation, and a part its first one's."""
    for part in re.split(r"\n\s*\n", text):
        yield Block(part.strip("\n"))


class Headings:
    """The headings that a paragraph stands below."""

    def __init__(self) -> None:
        self._open: list[tuple[int, str]] = []

    def enter(self, level: int, text: str) -> None:
        """A heading begins, and ends those that are not above it."""
        self._open = [each for each in self._open if each[0] < level]
        if text:
            self._open.append((level, " ".join(text.split())[:200]))

    def __str__(self) -> str:
        return BETWEEN.join(text for _, text in self._open)[:500]


def markdown(text: str) -> Iterator[Block]:
    """Of Markdown: below its headings; what stands between fences is no heading."""
    headings, lines, fenced = Headings(), list[str](), False
    for line in [*text.splitlines(), ""]:
        heading = None if fenced else _HEADING.match(line)
        if _FENCE.match(line):
            fenced = not fenced
        if heading or (not line.strip() and not fenced):
            if lines:
                yield Block("\n".join(lines), str(headings))
                lines = []
            if heading:
                words = heading[2].rstrip().rstrip("#").rstrip()
                headings.enter(len(heading[1]), words)
                # A heading is read with what it is about.
                lines.append(words)
        else:
            lines.append(line)
    if lines:
        yield Block("\n".join(lines), str(headings))


def html(text: str) -> tuple[str, Iterator[Block]]:
    """Of HTML: its title, and what people see of it."""
    from selectolax.lexbor import LexborHTMLParser

    tree = LexborHTMLParser(text)
    title = tree.css_first("title")
    name = " ".join(title.text().split()) if title is not None else ""
    for node in tree.css(_IGNORED):
        node.decompose()
    return name, _seen(tree.body)


def _seen(body: Any) -> Iterator[Block]:
    if body is None:
        return
    headings, waiting = Headings(), list[str]()

    def flushed() -> Iterator[Block]:
        text = "".join(waiting)
        waiting.clear()
        if text.strip():
            yield Block(re.sub(r"[ \t\r\f\v]*\n\s*", "\n", re.sub(r"[ \t\r\f\v]+", " ", text)).strip(), str(headings))

    for node in body.traverse(include_text=True):
        if node.tag == "-text":
            if _inside_heading(node) is None:
                waiting.append(node.text(deep=False))
            continue
        level = _HEADINGS.get(node.tag)
        if level is not None:
            yield from flushed()
            heading = node.text(deep=True, separator=" ")
            headings.enter(level, heading)
            waiting.append(heading + "\n")
        elif node.tag in _BLOCKS:
            if node.tag == "br":
                waiting.append("\n")
            elif node.tag in ("td", "th"):
                waiting.append(" ")
            else:
                yield from flushed()
    yield from flushed()


def _inside_heading(node: Any) -> Any:
    above = node.parent
    while above is not None and above.tag != "body":
        if above.tag in _HEADINGS:
            return above
        above = above.parent
    return None


def table(text: str) -> Iterator[Block]:
    """Of CSV: a paragraph for each row, which names its columns."""
    try:
        dialect: Any = csv.Sniffer().sniff(text[:16_384], ",;\t|")
    except csv.Error:
        dialect = csv.excel
    csv.field_size_limit(1 << 20)
    rows = csv.reader(io.StringIO(text, newline=""), dialect)
    try:
        names = next(rows, [])[:MOST_COLUMNS]
        yield Block(", ".join(names))
        for row in rows:
            cells = [
                f"{names[n]}: {cell}" if n < len(names) and names[n] else cell
                for n, cell in enumerate(row[:MOST_COLUMNS])
                if cell.strip()
            ]
            if cells:
                yield Block("; ".join(cells))
    except csv.Error as error:
        raise Unreadable(f"the table cannot be read: {error}") from None


def tree(text: str) -> Iterator[Block]:
    """Of JSON: a line for each value, which says where it stands; what is no JSON is read as a text."""
    try:
        value = json.loads(text)
    except RecursionError:
        raise Unreadable("the JSON text is nested too deeply") from None
    except ValueError:
        yield from paragraphs(text)
        return
    for path, leaf in _leaves(value):
        yield Block(f"{path}: {leaf}" if path else str(leaf))


def _leaves(value: Any) -> Iterator[tuple[str, Any]]:
    waiting: list[tuple[str, int, Any]] = [("", 0, value)]
    while waiting:
        path, depth, each = waiting.pop()
        if depth > MOST_DEEP:
            raise Unreadable("the JSON text is nested too deeply")
        inner: Iterable[tuple[str, Any]] = ()
        if isinstance(each, dict):
            inner = ((f"{path}.{key}" if path else str(key), member) for key, member in each.items())
        elif isinstance(each, list):
            inner = ((f"{path}[{n}]", member) for n, member in enumerate(each))
        else:
            yield path[-500:], "null" if each is None else each
            continue
        waiting.extend((name, depth + 1, member) for name, member in reversed(list(inner)))
