"""Agent Orchestration: the knowledge base."""

from __future__ import annotations

from collections.abc import AsyncIterator

from google.api.httpbody_pb2 import HttpBody
from orchestrator.wire.agent_orchestration.v1 import knowledge_service_pb2 as pb
from orchestrator.wire.agent_orchestration.v1.document_pb2 import Document as DocumentMessage

from server.apikit.downloads import Download
from server.apikit.uploads import received
from server.apis.agent_orchestration.shape import LIMIT, document_message
from server.core.knowledge.documents import Documents
from server.core.knowledge.search import Hit, KnowledgeSearch
from server.core.shared.call_context import Call
from server.model import Document
from server.store.blobs import Blobs


class KnowledgeServicer:
    """Decodes, calls the use case, encodes."""

    def __init__(self, documents: Documents, search: KnowledgeSearch, blobs: Blobs, *, most_bytes: int) -> None:
        self._documents = documents
        self._search = search
        self._blobs = blobs
        self._most = most_bytes

    async def UploadDocument(self, requests: AsyncIterator[pb.UploadDocumentRequest], call: Call) -> DocumentMessage:
        blob, upload = await received(_forms(requests), self._blobs, call.organization_id, self._most)
        document, new = await self._documents.create(call, blob, upload)
        call.http_status = 201 if new else 200
        return _answer(document, call)

    async def ReplaceDocument(self, requests: AsyncIterator[pb.ReplaceDocumentRequest], call: Call) -> DocumentMessage:
        first = await anext(requests, pb.ReplaceDocumentRequest())
        document = await self._documents.to_change(call, first.document_id)
        blob, upload = await received(_forms(requests, first), self._blobs, call.organization_id, self._most)
        return _answer(await self._documents.replace(call, document.id, blob, upload), call)

    async def GetDocument(self, request: pb.GetDocumentRequest, call: Call) -> DocumentMessage:
        return _answer(await self._documents.get(call, request.document_id), call)

    async def ListDocuments(self, request: pb.ListDocumentsRequest, call: Call) -> pb.ListDocumentsResponse:
        limit = request.limit or LIMIT
        page = await self._documents.slice(
            call, limit=limit, offset=request.offset, status=request.status or None, tag=request.tag or None
        )
        return pb.ListDocumentsResponse(
            documents=[document_message(document) for document in page.rows],
            total=page.total,
            limit=limit,
            offset=request.offset,
        )

    async def DownloadDocument(self, request: pb.DownloadDocumentRequest, call: Call) -> AsyncIterator[HttpBody]:
        document = await self._documents.get(call, request.document_id)
        download = Download(document.filename, document.content_type, document.size, document.sha256)
        start, end = download.prepare(call)
        return await download.begin(self._blobs.read(document.blob, start, end))

    async def UpdateDocument(self, request: pb.UpdateDocumentRequest, call: Call) -> DocumentMessage:
        tags = list(request.tags) if request.tags or request.clear_tags else None
        title = request.title if request.HasField("title") else None
        return _answer(await self._documents.update(call, request.document_id, title=title, tags=tags), call)

    async def ReprocessDocument(self, request: pb.ReprocessDocumentRequest, call: Call) -> DocumentMessage:
        return _answer(await self._documents.reprocess(call, request.document_id), call)

    async def DeleteDocument(self, request: pb.DeleteDocumentRequest, call: Call) -> pb.DeleteDocumentResponse:
        document = await self._documents.delete(call, request.document_id)
        return pb.DeleteDocumentResponse(id=f"document_{document}", deleted=True)

    async def SearchKnowledge(self, request: pb.SearchKnowledgeRequest, call: Call) -> pb.SearchKnowledgeResponse:
        limit = request.limit or LIMIT
        tags = [tag.strip() for several in request.tags for tag in several.split(",") if tag.strip()]
        hits, more = await self._search.search(
            call, request.q, limit=limit, offset=request.offset, tags=tags, document_id=request.document_id
        )
        return pb.SearchKnowledgeResponse(
            results=[_result(hit) for hit in hits], query=request.q, limit=limit, offset=request.offset, has_more=more
        )


async def _forms(
    requests: AsyncIterator[pb.UploadDocumentRequest | pb.ReplaceDocumentRequest],
    first: pb.ReplaceDocumentRequest | None = None,
) -> AsyncIterator[HttpBody]:
    if first is not None:
        yield first.form
    async for request in requests:
        yield request.form


def _answer(document: Document, call: Call) -> DocumentMessage:
    call.etag = document.version
    return document_message(document)


def _result(hit: Hit) -> pb.SearchResult:
    return pb.SearchResult(
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
