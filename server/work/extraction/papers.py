"""The paragraphs of PDF files and of Word documents."""

from __future__ import annotations

import logging
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from server.core.knowledge.chunks import Block
from server.work.extraction.kinds import Unreadable
from server.work.extraction.texts import Headings

# Of a Word document, unpacked; a bomb has more.
MOST_UNPACKED_BYTES = 256 << 20
_LEVEL = re.compile(r"^(?:Heading|heading|Überschrift|Titre|Título) ?(\d)$")


def pdf(path: Path) -> tuple[str, Iterator[tuple[float, list[Block]]]]:
    """Of a PDF file: its title, and page by page how much has been read and what was there."""
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    try:
        reader = PdfReader(path)
        if reader.is_encrypted and not reader.decrypt(""):
            raise Unreadable("the PDF file is encrypted")
        count = len(reader.pages)
        title = str(reader.metadata.title or "") if reader.metadata is not None else ""
    except Unreadable:
        raise
    except Exception as error:
        # What a broken file makes of its readers is no bug of ours, whatever it is.
        said = str(error) if isinstance(error, PyPdfError) else type(error).__name__
        raise Unreadable(f"the PDF file is broken: {said[:200]}") from None
    return title, _pages(reader, count)


def _pages(reader: Any, count: int) -> Iterator[tuple[float, list[Block]]]:
    for number in range(count):
        try:
            text = reader.pages[number].extract_text()
        except RecursionError:
            text = ""
        except MemoryError:
            raise
        except Exception:
            # The other pages may be good.
            text = ""
        lines = re.split(r"\n\s*\n", text.replace("\0", " "))
        yield (number + 1) / count, [Block(line, page=number + 1) for line in lines]


def docx(path: Path) -> tuple[str, Iterator[Block]]:
    """Of a Word document: its title, and its paragraphs and rows of tables in order."""
    import docx as word

    try:
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MOST_UNPACKED_BYTES:
                raise Unreadable("the document is too large when it is unpacked")
        document = word.Document(str(path))
        title = document.core_properties.title or ""
    except (Unreadable, MemoryError):
        raise
    except Exception as error:
        raise Unreadable(f"the Word document is broken: {type(error).__name__}") from None
    return title, _body(document)


def _body(document: Any) -> Iterator[Block]:
    headings = Headings()
    for each in document.iter_inner_content():
        if hasattr(each, "rows"):
            for row in each.rows:
                cells = dict.fromkeys(cell.text.strip() for cell in row.cells)
                yield Block("; ".join(cell for cell in cells if cell), str(headings))
            continue
        text = each.text.strip()
        style = each.style.name if each.style is not None else ""
        level = 0 if style == "Title" else _LEVEL.match(style)
        if text and level is not None:
            headings.enter(level if isinstance(level, int) else int(level[1]), text)
        if text:
            yield Block(text, str(headings))
