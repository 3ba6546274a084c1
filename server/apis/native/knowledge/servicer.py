"""orchestrator.v1.KnowledgeService."""

from __future__ import annotations

from collections.abc import AsyncIterator

from orchestrator.wire.v1 import knowledge_service_pb2 as pb
from orchestrator.wire.v1.document_pb2 import Document as DocumentMessage

from server.apis.native.knowledge.resources import STATUSES, document_message
from server.apis.native.requests import changed_fields, once, require_etag
from server.core.knowledge.documents import Documents, Upload
from server.core.knowledge.search import Hit, KnowledgeSearch
from server.core.shared.call_context import Call
from server.errors import InvalidRequest
from server.model import Document
from server.store.blobs import Blobs, TooLong

PAGE_SIZE, LARGEST_PAGE, FOUND = 20, 100, 10
MOST_BYTES = 100 << 20
# Results in all, however many pages.
MOST_FOUND = 1000
CHANGEABLE = ("title", "tags")


class KnowledgeServicer:
    """Decodes, calls the use case, encodes."""

    def __init__(self, documents: Documents, search: KnowledgeSearch, blobs: Blobs) -> None:
        self._documents = documents
        self._search = search
        self._blobs = blobs

    async def UploadDocument(
        self, requests: AsyncIterator[pb.UploadDocumentRequest], call: Call
    ) -> pb.UploadDocumentResponse:
        first = await anext(requests, None)
        if first is None or not first.HasField("upload"):
            raise InvalidRequest("upload", "must come in the first message")
        given = first.upload
        upload = Upload(
            filename=given.filename,
            content_type=given.content_type,
            title=given.title,
            tags=list(given.tags),
        ).checked()
        require_etag(call, given.etag, "upload.etag")
        replaced = await self._documents.to_change(call, given.document_id) if given.document_id else None
        try:
            blob = await self._blobs.put(call.organization_id, _data(requests), MOST_BYTES)
        except TooLong:
            raise InvalidRequest("data", f"must have at most {MOST_BYTES >> 20} MiB in all") from None
        if replaced is not None:
            document, created = await self._documents.replace(call, replaced.id, blob, upload), False
        else:
            document, created = await self._documents.create(call, blob, upload)
        return pb.UploadDocumentResponse(document=_shown(document, call), created=created)

    async def GetDocument(self, request: pb.GetDocumentRequest, call: Call) -> pb.GetDocumentResponse:
        return pb.GetDocumentResponse(document=_shown(await self._documents.get(call, request.id), call))

    async def ListDocuments(self, request: pb.ListDocumentsRequest, call: Call) -> pb.ListDocumentsResponse:
        page = await self._documents.page(
            call,
            size=min(LARGEST_PAGE, request.page_size or PAGE_SIZE),
            token=request.page_token,
            status=STATUSES[request.state] if request.state else None,
            tag=request.tag or None,
        )
        return pb.ListDocumentsResponse(
            documents=[document_message(document) for document in page.rows], next_page_token=page.next_token
        )

    async def UpdateDocument(self, request: pb.UpdateDocumentRequest, call: Call) -> pb.UpdateDocumentResponse:
        once(request, call)
        given = request.document
        require_etag(call, given.etag, "document.etag")
        named = changed_fields(given, request.update_mask.paths, CHANGEABLE)
        document = await self._documents.update(
            call,
            given.id,
            title=given.title if "title" in named else None,
            tags=list(given.tags) if "tags" in named else None,
        )
        return pb.UpdateDocumentResponse(document=_shown(document, call))

    async def ReprocessDocument(self, request: pb.ReprocessDocumentRequest, call: Call) -> pb.ReprocessDocumentResponse:
        once(request, call)
        return pb.ReprocessDocumentResponse(document=_shown(await self._documents.reprocess(call, request.id), call))

    async def DeleteDocument(self, request: pb.DeleteDocumentRequest, call: Call) -> pb.DeleteDocumentResponse:
        once(request, call)
        require_etag(call, request.etag)
        await self._documents.delete(call, request.id)
        return pb.DeleteDocumentResponse()

    async def DownloadDocument(
        self, request: pb.DownloadDocumentRequest, call: Call
    ) -> AsyncIterator[pb.DownloadDocumentResponse]:
        document = await self._documents.get(call, request.id)
        if request.offset > document.size:
            raise InvalidRequest("offset", f"must be at most {document.size}, the size of the file")
        return self._pieces(document, request.offset)

    async def _pieces(self, document: Document, offset: int) -> AsyncIterator[pb.DownloadDocumentResponse]:
        if offset < document.size:
            async for data in self._blobs.read(document.blob, offset, document.size):
                yield pb.DownloadDocumentResponse(data=data)

    async def SearchKnowledge(self, request: pb.SearchKnowledgeRequest, call: Call) -> pb.SearchKnowledgeResponse:
        offset = _offset(request.page_token)
        size = min(LARGEST_PAGE, request.page_size or FOUND)
        hits, more = await self._search.search(
            call, request.query, limit=size, offset=offset, tags=list(request.tags), document_id=request.document_id
        )
        following = offset + size
        return pb.SearchKnowledgeResponse(
            results=[_result(hit) for hit in hits],
            next_page_token=str(following) if more and following < MOST_FOUND else "",
        )


async def _data(requests: AsyncIterator[pb.UploadDocumentRequest]) -> AsyncIterator[bytes]:
    async for request in requests:
        if not request.HasField("data"):
            raise InvalidRequest("upload", "must come in the first message alone")
        if request.data:
            yield request.data


def _offset(token: str) -> int:
    if token and not (token.isascii() and token.isdigit() and int(token) < MOST_FOUND):
        raise InvalidRequest("page_token", "is not a token of this list")
    return int(token or 0)


def _shown(document: Document, call: Call) -> DocumentMessage:
    call.etag = document.version
    return document_message(document)


def _result(hit: Hit) -> pb.SearchKnowledgeResponse.Result:
    return pb.SearchKnowledgeResponse.Result(
        chunk=hit.chunk,
        text=hit.text,
        snippet=hit.snippet,
        score=hit.score,
        document_id=f"document_{hit.document_id}",
        title=hit.title,
        tags=hit.tags,
        heading=hit.heading,
        page=hit.page,
        chunk_sha256=hit.digest,
        content_version=hit.revision,
    )
