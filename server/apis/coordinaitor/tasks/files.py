"""CoordinAItor: files of tasks."""

from __future__ import annotations

from collections.abc import AsyncIterator

from google.api.httpbody_pb2 import HttpBody
from orchestrator.wire.coordinaitor.v1 import file_service_pb2 as pb

from server.apikit.downloads import Download
from server.apikit.uploads import Form, stored
from server.apis.coordinaitor.envelope import answer, listed, page_of
from server.apis.coordinaitor.tasks.discussion_shape import file_message
from server.core.discussion.files import TaskFiles, Uploaded
from server.core.shared.call_context import Call
from server.core.shared.plain_text import is_text
from server.errors import InvalidRequest
from server.store.blobs import Blobs


class FileServicer:
    """Decodes, calls the use case, encodes."""

    def __init__(self, files: TaskFiles, blobs: Blobs, *, most_bytes: int) -> None:
        self._files = files
        self._blobs = blobs
        self._most = most_bytes

    async def UploadTaskFile(
        self, requests: AsyncIterator[pb.UploadTaskFileRequest], call: Call
    ) -> pb.UploadTaskFileResponse:
        first = await anext(requests, pb.UploadTaskFileRequest())
        # Whoever may not is told before a hundred megabytes have come.
        await self._files.to_write(call, first.task_id)
        forms = _forms(first, requests)
        form = await stored(forms, self._blobs, call.organization_id, self._most, ("description", "attempt"))
        try:
            uploaded = _uploaded(form)
        except InvalidRequest:
            await self._blobs.remove([form.blob.name])
            raise
        file = await self._files.create(call, first.task_id, uploaded)
        return answer(pb.UploadTaskFileResponse, call, file_message(file))

    async def ListTaskFiles(self, request: pb.ListTaskFilesRequest, call: Call) -> pb.ListTaskFilesResponse:
        _, limit, offset = page_of(request)
        page = await self._files.slice(call, request.task_id, limit=limit, offset=offset)
        return listed(pb.ListTaskFilesResponse, call, request, list(map(file_message, page.rows)), page.total)

    async def GetTaskFile(self, request: pb.GetTaskFileRequest, call: Call) -> pb.GetTaskFileResponse:
        file = await self._files.get(call, request.task_id, request.file_id)
        return answer(pb.GetTaskFileResponse, call, file_message(file))

    async def DownloadTaskFile(self, request: pb.DownloadTaskFileRequest, call: Call) -> AsyncIterator[HttpBody]:
        file = await self._files.get(call, request.task_id, request.file_id)
        download = Download(file.name, file.content_type, file.size, file.sha256)
        start, end = download.prepare(call)
        return await download.begin(self._blobs.read(file.blob, start, end))

    async def DeleteTaskFile(self, request: pb.DeleteTaskFileRequest, call: Call) -> pb.DeleteTaskFileResponse:
        await self._files.delete(call, request.task_id, request.file_id)
        return pb.DeleteTaskFileResponse()


async def _forms(
    first: pb.UploadTaskFileRequest, requests: AsyncIterator[pb.UploadTaskFileRequest]
) -> AsyncIterator[HttpBody]:
    yield first.form
    async for request in requests:
        yield request.form


def _uploaded(form: Form) -> Uploaded:
    """What a form says of its file. Raises InvalidRequest."""
    said = dict(form.fields)
    description, attempt = said.get("description", ""), said.get("attempt", "").strip()
    if not is_text(description):
        raise InvalidRequest("description", "must not contain a NUL character")
    if attempt and not (attempt.isascii() and attempt.isdigit() and len(attempt) < 10):
        raise InvalidRequest("attempt", "must be a whole number")
    return Uploaded(
        blob=form.blob,
        sample=form.sample,
        filename=form.filename,
        description=description,
        attempt=int(attempt or 0),
    )
