"""The process that reads one file: on standard input what, on standard output a line of JSON for each thing in it."""

from __future__ import annotations

import json
import os
import resource
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

from server.core.knowledge.chunks import Block, Chunk, chunks
from server.core.knowledge.languages import language_of
from server.core.knowledge.terms import terms
from server.work.extraction import papers, texts
from server.work.extraction.kinds import DOCX, PDF, Unreadable, kind_of

# From how many paragraphs the language of all is told.
SAMPLED = 200
# Answers in one write, and how much text is taken from one file.
TOGETHER = 32
MOST_CHARACTERS = 100 << 20


def _blocks(path: Path, filename: str) -> Iterator[Any]:
    """First what the file is and is called, then its paragraphs, and numbers for how much of it has been read."""
    kind = kind_of(path, filename)
    title = ""
    found: Iterable[Any]
    if kind is PDF:
        title, pages = papers.pdf(path)
        found = chain.from_iterable((*blocks, share) for share, blocks in pages)
    elif kind is DOCX:
        title, found = papers.docx(path)
    else:
        text = texts.decoded(path, kind)
        if kind.name == "html":
            title, found = texts.html(text)
        else:
            readers = {"markdown": texts.markdown, "source": texts.source, "csv": texts.table, "json": texts.tree}
            found = readers.get(kind.name, texts.paragraphs)(text)
    yield kind, " ".join(_plain(title).split())[:500]
    yield from found


def _plain(text: str) -> str:
    """What every database takes: JSON and PDF can say more than UTF-8 can."""
    return unicodedata.normalize("NFC", text.replace("\0", " ").encode("utf-8", "replace").decode())


def _composed(block: Block) -> Block:
    return Block(_plain(block.text), _plain(block.heading), block.page)


def found(path: Path, filename: str) -> Iterator[dict[str, Any]]:
    """What there is to say of a file, in order."""
    blocks = _blocks(path, filename)
    kind, title = next(blocks)
    sample = list(islice(blocks, SAMPLED))
    language = language_of("\n".join(block.text for block in sample if isinstance(block, Block)))
    yield {"content_type": kind.content_type, "title": title, "language": language}
    shares: list[float] = []
    characters = 0

    def paragraphs() -> Iterator[Block]:
        for each in chain(sample, blocks):
            if isinstance(each, Block):
                yield _composed(each)
            else:
                shares.append(each)

    for chunk in chunks(paragraphs()):
        characters += len(chunk.text)
        if characters > MOST_CHARACTERS:
            raise Unreadable("the file has more text than can be kept")
        yield {"chunk": _told(chunk, language), "progress": shares[-1] if shares else 0.0}
    if not characters:
        raise Unreadable(
            "the file has no text that could be read; is it a scan?" if kind is PDF else "the file has no text"
        )


def _told(chunk: Chunk, language: str) -> dict[str, Any]:
    stems, forms = [], dict[str, None]()
    for term in terms(chunk.text, language):
        stems.append(term.text)
        if term.form != term.text:
            forms[term.form] = None
    return {
        "text": chunk.text,
        "heading": chunk.heading,
        "page": chunk.page,
        "digest": chunk.digest,
        "body": " ".join(stems),
        "forms": " ".join(forms),
    }


def main() -> None:
    """Reads one request and answers it."""
    request = json.load(sys.stdin)
    memory, cpu = int(request["memory_bytes"]), int(request["cpu_seconds"])
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # It reads, and has nothing to write but its answer.
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    # Whatever a library prints is no part of it.
    os.dup2(2, 1)
    try:
        for number, line in enumerate(found(Path(request["path"]), request["filename"])):
            print(json.dumps(line, separators=(",", ":")), file=answer, flush=number % TOGETHER == 0)
        last: dict[str, Any] = {"end": True}
    except Unreadable as error:
        last = {"error": str(error)}
    except MemoryError:
        last = {"error": "the file needs more memory to be read than it may have"}
    print(json.dumps(last), file=answer, flush=True)


if __name__ == "__main__":
    main()
