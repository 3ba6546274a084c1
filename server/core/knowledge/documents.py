"""Documents: uploaded, read, changed, replaced and deleted."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import bindparam, delete, exists, select

from server.core.identity.organizations import LOCK_ORGANIZATION
from server.core.knowledge.ingestion import begin_reading
from server.core.shared import idempotency
from server.core.shared.call_context import Call
from server.core.shared.count_cache import CountCache
from server.core.shared.file_names import safe_name
from server.core.shared.ids import parse_id
from server.core.shared.pagination import Listing, Page
from server.core.shared.resource import Resource, change, check_version
from server.errors import Conflict, InvalidRequest, NotFound, VersionMismatch
from server.model import Document, DocumentTag, new_id
from server.store.blobs import Blob, Blobs
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Transaction

# After these nothing has been written.
REFUSALS = (Conflict, InvalidRequest, NotFound, VersionMismatch)
_CONTENT_TYPE = re.compile(r"[\x21-\x7e][\x20-\x7e]{0,99}")
MAX_TITLE, MAX_TAGS, MAX_TAG = 500, 50, 100

_documents = Document.table().c
_tags = DocumentTag.table().c
DOCUMENTS = Resource(Document, "document")
_SAME = Statement[Document](
    select(Document.table())
    .where(_documents.organization_id == bindparam("organization"), _documents.sha256 == bindparam("sha256"))
    .with_for_update(key_share=True),
    Document,
)
_tagged = exists().where(
    _tags.organization_id == _documents.organization_id,
    _tags.tag == bindparam("tag"),
    _tags.document_id == _documents.id,
)
_LIST = Listing(Document, [], ["status"], spans={"tag": _tagged}, indexed=["status"])
_FORGET = Statement[Any](delete(Document.table()).where(_documents.id == bindparam("id")))
_UNTAG = Statement[Any](delete(DocumentTag.table()).where(_tags.document_id == bindparam("id")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """What comes with a file: what its owner says of it. Raises InvalidRequest in `checked`."""

    filename: str
    content_type: str
    title: str = ""
    tags: Sequence[str] = ()

    def checked(self) -> Upload:
        """The same, as it can be kept."""
        if len(self.title) > MAX_TITLE:
            raise InvalidRequest("metadata.title", f"must have at most {MAX_TITLE} characters")
        kind = self.content_type if _CONTENT_TYPE.fullmatch(self.content_type) else "application/octet-stream"
        return replace(
            self,
            filename=safe_name(self.filename),
            content_type=kind,
            title=self.title.strip(),
            tags=checked_tags(self.tags, "metadata.tags"),
        )


def checked_tags(tags: Sequence[str], field: str) -> list[str]:
    """Tags as they are kept: each once, in order. Raises InvalidRequest."""
    if len(tags) > MAX_TAGS:
        raise InvalidRequest(field, f"must have at most {MAX_TAGS} tags")
    if not all(0 < len(tag.strip()) <= MAX_TAG and "\0" not in tag for tag in tags):
        raise InvalidRequest(field, f"must have 1 to {MAX_TAG} characters each")
    return sorted({tag.strip() for tag in tags})


class Documents:
    """The documents of every organization; each call sees its own."""

    def __init__(self, database: Database, counts: CountCache, blobs: Blobs) -> None:
        self._database = database
        self._counts = counts
        self._blobs = blobs

    async def create(self, call: Call, blob: Blob, upload: Upload) -> tuple[Document, bool]:
        """The document with a file that has been stored, and whether it is new: the same bytes are the same document.

        Raises InvalidRequest. The file is removed where no document gets it.
        """

        async def body(transaction: Transaction) -> tuple[Document, bool]:
            # So that of two who bring the same bytes the second one finds the first one's.
            await transaction.one(LOCK_ORGANIZATION, organization=call.organization_id)
            same = await _with_bytes(transaction, call, blob)
            if same is not None:
                return same, False
            document = Document.new(
                id=new_id(),
                organization_id=call.organization_id,
                title=given.title or given.filename,
                titled=bool(given.title),
                tags=json.dumps(given.tags, separators=(",", ":")),
                filename=given.filename,
                content_type=given.content_type,
                size=blob.size,
                sha256=blob.sha256,
                blob=blob.name,
                created_at=transaction.now,
                updated_at=transaction.now,
            )
            await transaction.insert(document)
            await _tag(transaction, document, given.tags)
            document = await begin_reading(transaction, document)
            transaction.emit("document.created", document)
            return document, True

        try:
            given = upload.checked()
            if not blob.size:
                raise InvalidRequest("file", "is empty")
            document, new = await self._database.write(body)
        except REFUSALS:
            # Whatever else ends it may have come after the document was there: what nobody names is swept away.
            await self._blobs.remove([blob.name])
            raise
        if not new:
            await self._blobs.remove([blob.name])
        return document, new

    async def replace(self, call: Call, identifier: str, blob: Blob, upload: Upload) -> Document:
        """The document with another file. Raises NotFound, InvalidRequest, VersionMismatch, Conflict."""

        async def body(transaction: Transaction) -> tuple[Document, str]:
            await transaction.one(LOCK_ORGANIZATION, organization=call.organization_id)
            document = await DOCUMENTS.lock(transaction, call, identifier)
            check_version(call, document)
            same = await _with_bytes(transaction, call, blob)
            if same is not None and same.id != document.id:
                raise Conflict(
                    "another document has this content",
                    reason="DOCUMENT_EXISTS",
                    details={"document_id": f"document_{same.id}"},
                )
            if same is not None:
                return document, blob.name
            changed = await change(
                transaction,
                document,
                filename=given.filename,
                content_type=given.content_type,
                size=blob.size,
                sha256=blob.sha256,
                blob=blob.name,
                revision=document.revision + 1,
                **({"title": given.filename} if not document.titled else {}),
            )
            changed = await begin_reading(transaction, changed)
            transaction.emit("document.processing", changed)
            return changed, document.blob

        try:
            given = upload.checked()
            if not blob.size:
                raise InvalidRequest("file", "is empty")
            document, unnamed = await self._database.write(body)
        except REFUSALS:
            # Whatever else ends it may have come after the document was there: what nobody names is swept away.
            await self._blobs.remove([blob.name])
            raise
        await self._blobs.remove([unnamed])
        return document

    async def get(self, call: Call, identifier: str) -> Document:
        """One document. Raises NotFound."""
        return await DOCUMENTS.get(self._database, call, identifier)

    async def to_change(self, call: Call, identifier: str) -> Document:
        """The document, before something comes that takes long. Raises NotFound, VersionMismatch."""
        document = await self.get(call, identifier)
        check_version(call, document)
        return document

    async def slice(self, call: Call, *, limit: int, offset: int, **filters: Any) -> Page[Document]:
        """Documents newest first, from an offset; `filters` are status and tag."""
        return await _LIST.slice(
            self._database, self._counts, call.organization_id, limit=limit, offset=offset, **filters
        )

    async def page(self, call: Call, *, size: int, token: str, **filters: Any) -> Page[Document]:
        """The same by token. Raises InvalidRequest."""
        return await _LIST.page(self._database, call.organization_id, size=size, token=token, **filters)

    async def update(
        self, call: Call, identifier: str, *, title: str | None = None, tags: Sequence[str] | None = None
    ) -> Document:
        """Changes what is given. Raises NotFound, InvalidRequest, VersionMismatch.

        With another title its chunks are written anew, because they are found by it.
        """

        async def act(transaction: Transaction, document: Document) -> Document:
            changes: dict[str, Any] = {}
            if title is not None:
                changes.update(title=title.strip(), titled=True)
            if kept is not None:
                changes["tags"] = json.dumps(kept, separators=(",", ":"))
                await transaction.run(_UNTAG, id=document.id)
                await _tag(transaction, document, kept)
            changed = await change(transaction, document, **changes)
            if changed.title != document.title:
                changed = await begin_reading(transaction, changed)
            transaction.emit("document.updated", changed)
            return changed

        if title is not None and not title.strip():
            raise InvalidRequest("title", "must not be empty")
        kept = checked_tags(tags, "tags") if tags is not None else None
        return await DOCUMENTS.once(self._database, call, identifier, act)

    async def reprocess(self, call: Call, identifier: str) -> Document:
        """Reads a document's file once more. Raises NotFound, VersionMismatch."""

        async def act(transaction: Transaction, document: Document) -> Document:
            changed = await begin_reading(transaction, await change(transaction, document))
            transaction.emit("document.processing", changed)
            return changed

        return await DOCUMENTS.once(self._database, call, identifier, act)

    async def delete(self, call: Call, identifier: str) -> str:
        """Deletes a document, and gives its id; its chunks are found no more, and are removed soon.

        Raises NotFound, VersionMismatch.
        """

        async def body(transaction: Transaction) -> Document | None:
            if await idempotency.done(transaction, call) is not None:
                return None
            document = await DOCUMENTS.lock(transaction, call, identifier)
            check_version(call, document)
            await transaction.run(_UNTAG, id=document.id)
            await transaction.run(_FORGET, id=document.id)
            transaction.emit("document.deleted", document)
            await idempotency.mark(transaction, call, document.id)
            return document

        document = await self._database.write(body)
        if document is not None:
            await self._blobs.remove([document.blob])
        return parse_id("document", identifier)


async def _with_bytes(transaction: Transaction, call: Call, blob: Blob) -> Document | None:
    return await transaction.one(_SAME, organization=call.organization_id, sha256=blob.sha256)


async def _tag(transaction: Transaction, document: Document, tags: Sequence[str]) -> None:
    for tag in tags:
        await transaction.insert(
            DocumentTag.new(organization_id=document.organization_id, tag=tag, document_id=document.id)
        )
