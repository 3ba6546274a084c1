"""What a file is, by what is in it; its name only tells one sort of text from another."""

from __future__ import annotations

import json
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePath

SAMPLE_BYTES = 1 << 20
# How much text there is at least for every zero byte in it.
NULS_APART = 1000
_MARKUP = re.compile(
    rb"^\s*(<\?xml[^>]*>\s*)?(?><!--.*?-->\s*)*+<(!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL
)
_HEADING = re.compile(r"^#{1,6} \S", re.MULTILINE)
_OTHER_MARKDOWN = re.compile(r"^(```|[-*] \S|> |\d+\. \S)|\]\(\S+\)|\*\*\S", re.MULTILINE)
_SOURCE = frozenset(
    f".{name}"
    for name in (
        *(
            "c",
            "cc",
            "cpp",
            "cs",
            "css",
            "cxx",
            "go",
            "h",
            "hpp",
            "java",
            "js",
            "jsx",
            "kt",
            "lua",
            "php",
            "pl",
            "proto",
        ),
        *("ps1", "py", "r", "rb", "rs", "scala", "sh", "sql", "swift", "toml", "ts", "tsx", "yaml", "yml"),
    )
)


class Unreadable(Exception):
    """A file that no text can be had from; the words are for whoever uploaded it."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How a file is read, and what it is called over HTTP."""

    name: str
    content_type: str
    # Of texts.
    charset: str = "utf-8"


PDF = Kind("pdf", "application/pdf")
DOCX = Kind("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document")


def kind_of(path: Path, filename: str) -> Kind:
    """What a file is. Raises Unreadable."""
    with path.open("rb") as file:
        sample = file.read(SAMPLE_BYTES)
    if not sample.strip(b"\0 \t\r\n"):
        raise Unreadable("the file is empty")
    if b"%PDF-" in sample[:1024]:
        return PDF
    if sample.startswith(b"PK\x03\x04"):
        return _zipped(path)
    charset = _charset(sample)
    if charset is None:
        raise Unreadable(f"{_guess(sample)}, which has no text that could be read")
    return _text(sample, charset, PurePath(filename).suffix.lower())


def _zipped(path: Path) -> Kind:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise Unreadable(f"the file begins like a zip archive and is none: {error}") from None
    if "word/document.xml" in names:
        return DOCX
    raise Unreadable("the file is a zip archive, and of those only Word documents (docx) are read")


def _charset(sample: bytes) -> str | None:
    """What a text is written in; None where it is no text."""
    for mark, name in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if sample.startswith(mark):
            return name
    try:
        # The sample may end within a character.
        sample[: len(sample) - 3].decode() if len(sample) == SAMPLE_BYTES else sample.decode()
    except UnicodeDecodeError as error:
        if len(sample) != SAMPLE_BYTES or error.start < len(sample) - 8:
            return _guessed_charset(sample)
    # One that strayed into a text makes it no program.
    return "utf-8" if sample.count(b"\0") * NULS_APART <= len(sample) else None


def _guessed_charset(sample: bytes) -> str | None:
    from charset_normalizer import from_bytes

    if sample.count(b"\0") > len(sample) // 100 and sample[1:2] != b"\0" and sample[:1] != b"\0":
        return None
    best = from_bytes(sample[: 1 << 16]).best()
    return None if best is None else best.encoding


def _guess(sample: bytes) -> str:
    import puremagic

    try:
        name = puremagic.from_string(sample)
    except (puremagic.PureError, ValueError):
        return "the file is of an unknown kind"
    return f"the file is of the kind {name.lstrip('.')}" if name else "the file is of an unknown kind"


def _text(sample: bytes, charset: str, extension: str) -> Kind:
    text = sample.decode(charset, "replace").lstrip("\ufeff")
    if _MARKUP.match(text[:4096].encode()):
        return Kind("html", "text/html", charset)
    if extension == ".csv":
        return Kind("csv", "text/csv", charset)
    if extension == ".json" or (text.lstrip()[:1] in ("{", "[") and len(sample) < SAMPLE_BYTES and _is_json(text)):
        return Kind("json", "application/json", charset)
    if extension in _SOURCE:
        return Kind("source", "text/plain", charset)
    if extension in (".md", ".markdown") or (_HEADING.search(text) and _OTHER_MARKDOWN.search(text)):
        return Kind("markdown", "text/markdown", charset)
    return Kind("text", "text/plain", charset)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
