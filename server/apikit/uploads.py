"""Uploads: `multipart/form-data` as it comes in pieces, part by part, none of which is ever whole in memory."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from google.api.httpbody_pb2 import HttpBody
from multipart import MultipartError, MultipartSegment, PushMultipartParser, parse_options_header

from server.apikit.refusals import PayloadTooLarge
from server.core.knowledge.documents import Upload
from server.errors import InvalidRequest
from server.store.blobs import Blob, Blobs, TooLong

MAX_PARTS = 20
MAX_FIELD_BYTES = 64 << 10
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


async def received(forms: AsyncIterator[HttpBody], blobs: Blobs, organization: str, most: int) -> tuple[Blob, Upload]:
    """What a form brings: the field `file`, which is stored, and what `metadata` says of it, or `title` and `tags`.

    Raises InvalidRequest, PayloadTooLarge, StorageFull, Unavailable. Nothing is left behind then.
    """
    blob: Blob | None = None
    filename = content_type = ""
    said: dict[str, Any] = {}
    try:
        async for part in form_parts(forms):
            if part.name == "file":
                if blob is not None:
                    raise InvalidRequest("file", "must be one file")
                if part.filename is None:
                    raise InvalidRequest("file", "must be a file, with a filename")
                filename, content_type = part.filename, part.content_type
                blob = await blobs.put(organization, part.pieces, most)
            elif part.name == "metadata":
                said.update(metadata_of(await part.text()))
            elif part.name == "title":
                said["title"] = await part.text()
            elif part.name == "tags":
                said["tags"] = [tag for tag in (await part.text()).split(",") if tag.strip()]
        if blob is None:
            raise InvalidRequest("file", "is missing: the form must have a file of that name")
        return blob, _upload(said, filename, content_type)
    except TooLong:
        raise PayloadTooLarge(most) from None
    except BaseException:
        if blob is not None:
            await blobs.remove([blob.name])
        raise


def _upload(said: dict[str, Any], filename: str, content_type: str) -> Upload:
    title, tags = said.get("title") or "", said.get("tags") or []
    if not isinstance(title, str) or not _is_text(title):
        raise InvalidRequest("metadata.title", "must be a string")
    if not isinstance(tags, list) or not all(isinstance(tag, str) and _is_text(tag) for tag in tags):
        raise InvalidRequest("metadata.tags", "must be an array of strings")
    return Upload(filename=filename, content_type=content_type, title=title, tags=tags).checked()


def _is_text(text: str) -> bool:
    """Whether every client and every database could read it back."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)
