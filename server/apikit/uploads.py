"""Uploads: `multipart/form-data` as it comes in pieces, part by part, none of which is ever whole in memory."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from google.api.httpbody_pb2 import HttpBody
from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from server.apikit.refusals import PayloadTooLarge
from server.core.knowledge.documents import Upload
from server.core.shared.plain_text import is_text
from server.errors import InvalidRequest
from server.store.blobs import Blob, Blobs, TooLong

MAX_PARTS = 20
MAX_FIELD_BYTES = 64 << 10
# How much of a file tells what it is.
SAMPLE_BYTES = 64 << 10
FORM = "multipart/form-data"


class Part:
    """One part of a form: a field, or a file where it has a filename."""

    def __init__(self, name: str, filename: str | None, content_type: str, pieces: AsyncIterator[bytes]) -> None:
        self.name = name
        self.filename = filename
        self.content_type = content_type
        self.pieces = pieces

    async def text(self) -> str:
        """All of a field. Raises InvalidRequest."""
        found = b""
        async for piece in self.pieces:
            found += piece
            if len(found) > MAX_FIELD_BYTES:
                raise InvalidRequest(self.name, f"must have at most {MAX_FIELD_BYTES >> 10} KiB")
        try:
            return found.decode()
        except UnicodeDecodeError:
            raise InvalidRequest(self.name, "must be UTF-8") from None


async def form_parts(forms: AsyncIterator[HttpBody]) -> AsyncIterator[Part]:
    """The parts of a form, in order; what the caller has not read of one is skipped. Raises InvalidRequest."""
    first = await anext(forms, None)
    kind, options = parse_options_header(first.content_type if first is not None else "")
    if first is None or kind.lower() != FORM or not options.get("boundary"):
        raise InvalidRequest("body", f"must be {FORM}, with a boundary")
    try:
        with PushMultipartParser(options["boundary"], max_segment_count=MAX_PARTS) as parser:
            found = _found(parser, first, forms)
            async for each in found:
                if isinstance(each, MultipartSegment):
                    part = Part(each.name, each.filename, each.content_type or "", _until_end(found))
                    yield part
                    async for _ in part.pieces:
                        pass
    except MultipartError as error:
        raise _no_form(error) from None


async def _found(parser: Any, first: HttpBody, forms: AsyncIterator[HttpBody]) -> AsyncIterator[Any]:
    """What the parser makes of the pieces: a part's beginning, its bytes, and None for its end."""
    form: HttpBody | None = first
    while not parser.closed:
        try:
            # Nothing is how the parser hears that there is no more.
            events = list(parser.parse(form.data if form is not None else b""))
        except (MultipartError, UnicodeError) as error:
            raise _no_form(error) from None
        for each in events:
            yield each
        if form is None:
            return
        form = await anext(forms, None)
        while form is not None and not form.data:
            form = await anext(forms, None)


def _no_form(error: Exception) -> InvalidRequest:
    return InvalidRequest("body", f"is no whole form: {error}")


async def _until_end(found: AsyncIterator[Any]) -> AsyncIterator[bytes]:
    async for each in found:
        if each is None:
            return
        yield bytes(each)


def metadata_of(text: str) -> dict[str, Any]:
    """The JSON object that a field has. Raises InvalidRequest."""
    try:
        found = json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError):
        raise InvalidRequest("metadata", "is not valid JSON") from None
    if not isinstance(found, dict):
        raise InvalidRequest("metadata", "must be a JSON object")
    return found


@dataclass(frozen=True, slots=True)
class Form:
    """What a form has brought: the field `file`, which is stored, and what its fields say, in order."""

    blob: Blob
    filename: str
    content_type: str
    # How the file begins.
    sample: bytes
    fields: Sequence[tuple[str, str]]


async def stored(
    forms: AsyncIterator[HttpBody], blobs: Blobs, organization: str, most: int, fields: Collection[str]
) -> Form:
    """What a form brings, as far as these fields go.

    Raises InvalidRequest, PayloadTooLarge, StorageFull, Unavailable. Nothing is left behind then.
    """
    blob: Blob | None = None
    filename = content_type = ""
    sample = bytearray()
    said: list[tuple[str, str]] = []

    async def sampled(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for piece in pieces:
            sample.extend(piece[: SAMPLE_BYTES - len(sample)])
            yield piece

    try:
        async for part in form_parts(forms):
            if part.name == "file":
                if blob is not None:
                    raise InvalidRequest("file", "must be one file")
                if part.filename is None:
                    raise InvalidRequest("file", "must be a file, with a filename")
                filename, content_type = part.filename, part.content_type
                blob = await blobs.put(organization, sampled(part.pieces), most)
            elif part.name in fields:
                said.append((part.name, await part.text()))
        if blob is None:
            raise InvalidRequest("file", "is missing: the form must have a file of that name")
        return Form(blob, filename, content_type, bytes(sample), said)
    except TooLong:
        raise PayloadTooLarge(most) from None
    except BaseException:
        if blob is not None:
            await blobs.remove([blob.name])
        raise


async def received(forms: AsyncIterator[HttpBody], blobs: Blobs, organization: str, most: int) -> tuple[Blob, Upload]:
    """A form that brings a document: what `metadata` says of it, or `title` and `tags`. Raises what `stored` does."""
    form = await stored(forms, blobs, organization, most, ("metadata", "title", "tags"))
    said: dict[str, Any] = {}
    try:
        for name, text in form.fields:
            if name == "metadata":
                said.update(metadata_of(text))
            elif name == "title":
                said["title"] = text
            else:
                said["tags"] = [tag for tag in text.split(",") if tag.strip()]
        return form.blob, _upload(said, form.filename, form.content_type)
    except InvalidRequest:
        await blobs.remove([form.blob.name])
        raise


def _upload(said: dict[str, Any], filename: str, content_type: str) -> Upload:
    title, tags = said.get("title") or "", said.get("tags") or []
    if not isinstance(title, str) or not is_text(title):
        raise InvalidRequest("metadata.title", "must be a string")
    if not isinstance(tags, list) or not all(isinstance(tag, str) and is_text(tag) for tag in tags):
        raise InvalidRequest("metadata.tags", "must be an array of strings")
    return Upload(filename=filename, content_type=content_type, title=title, tags=tags).checked()
