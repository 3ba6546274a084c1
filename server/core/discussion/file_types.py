"""What a file is, by what is in it; only of texts its name says of which sort."""

from __future__ import annotations

import asyncio
import codecs
import re
from collections.abc import Mapping
from pathlib import PurePath

import puremagic

# So much of a file tells what it is.
SAMPLE_BYTES = 64 << 10
UNKNOWN, TEXT = "application/octet-stream", "text/plain"
# A shorter match than this says little.
ENOUGH_BYTES = 3
_UTF8 = codecs.getincrementaldecoder("utf-8")
_MARKUP = re.compile(rb"^\s*(?:<!doctype\s+html|<html|<head|<body)\b", re.IGNORECASE)
# More zero bytes than this for each other one are in no text.
NULS_APART = 1000
_TEXTS: Mapping[str, str] = {
    suffix: content_type
    for content_type, suffixes in {
        "application/json": ".json .ipynb",
        "application/sql": ".sql",
        "application/toml": ".toml",
        "application/xml": ".xml",
        "application/yaml": ".yaml .yml",
        "image/svg+xml": ".svg",
        "text/css": ".css .scss .less",
        "text/csv": ".csv",
        "text/html": ".html .htm",
        "text/javascript": ".js .mjs .cjs .jsx",
        "text/markdown": ".md .markdown",
        "text/tab-separated-values": ".tsv",
        "text/typescript": ".ts .tsx .mts .cts",
        "text/x-c": ".c .h .cc .cpp .hpp",
        "text/x-go": ".go",
        "text/x-java": ".java",
        "text/x-python": ".py .pyi",
        "text/x-ruby": ".rb",
        "text/x-rust": ".rs",
        "text/x-shellscript": ".sh .bash",
    }.items()
    for suffix in suffixes.split()
}
# Office documents, which are all zip archives.
_ZIPPED: Mapping[str, str] = {
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


async def content_type_of(sample: bytes, name: str) -> str:
    """The content type of a file that begins so, and is called so."""
    return await asyncio.to_thread(_content_type, sample, PurePath(name).suffix.lower())


def _content_type(sample: bytes, suffix: str) -> str:
    if _is_text(sample):
        return "text/html" if _MARKUP.match(sample) else _TEXTS.get(suffix, TEXT)
    if sample.startswith(b"PK\x03\x04"):
        return _ZIPPED.get(suffix, "application/zip")
    try:
        matches = puremagic.magic_string(sample)
    except (puremagic.PureError, ValueError):
        return UNKNOWN
    known = [each.mime_type for each in matches if each.mime_type and len(each.byte_match or b"") >= ENOUGH_BYTES]
    return known[0] if known else UNKNOWN


def _is_text(sample: bytes) -> bool:
    try:
        # One that is cut off may end within a character.
        _UTF8().decode(sample, final=len(sample) < SAMPLE_BYTES)
    except UnicodeDecodeError:
        return sample[:2] in (b"\xff\xfe", b"\xfe\xff") and len(sample) % 2 == 0
    return sample.count(b"\0") * NULS_APART <= len(sample)
