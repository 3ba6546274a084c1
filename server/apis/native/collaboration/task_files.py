"""orchestrator.v1.TaskFileService."""

from __future__ import annotations

from collections.abc import AsyncIterator

from orchestrator.wire.v1 import task_file_service_pb2 as pb

from server.apis.native.collaboration.resources import file_message
from server.apis.native.requests import once
from server.core.discussion.file_types import SAMPLE_BYTES
from server.core.discussion.files import TaskFiles, Uploaded
from server.core.shared.call_context import Call
from server.errors import InvalidRequest
from server.model import TaskFile
from server.store.blobs import Blobs, TooLong

PAGE_SIZE, LARGEST_PAGE = 20, 100
MOST_BYTES = 100 << 20


class TaskFileServicer:
    """Decodes, calls the use case, encodes."""

    def __init__(self, files: TaskFiles, blobs: Blobs) -> None:
        self._files = files
        self._blobs = blobs

    async def UploadTaskFile(
        self, requests: AsyncIterator[pb.UploadTaskFileRequest], call: Call
    ) -> pb.UploadTaskFileResponse:
        first = await anext(requests, None)
        if first is None or not first.HasField("upload"):
            raise InvalidRequest("upload", "must come in the first message")
        given, sample = first.upload, bytearray()
        await self._files.to_write(call, given.task_id, given.attempt)
        try:
            blob = await self._blobs.put(call.organization_id, _data(requests, sample), MOST_BYTES)
        except TooLong:
            raise InvalidRequest("data", f"must have at most {MOST_BYTES >> 20} MiB in all") from None
        uploaded = Uploaded(
            blob=blob,
            sample=bytes(sample),
            filename=given.filename,
            description=given.description,
            attempt=given.attempt,
        )
        return pb.UploadTaskFileResponse(file=file_message(await self._files.create(call, given.task_id, uploaded)))

    async def GetTaskFile(self, request: pb.GetTaskFileRequest, call: Call) -> pb.GetTaskFileResponse:
        file = await self._files.get(call, request.task_id, request.id)
        return pb.GetTaskFileResponse(file=file_message(file))

    async def ListTaskFiles(self, request: pb.ListTaskFilesRequest, call: Call) -> pb.ListTaskFilesResponse:
        size = min(LARGEST_PAGE, request.page_size or PAGE_SIZE)
        page = await self._files.page(call, request.task_id, size=size, token=request.page_token)
        return pb.ListTaskFilesResponse(
            files=[file_message(file) for file in page.rows], next_page_token=page.next_token
        )

    async def DownloadTaskFile(
        self, request: pb.DownloadTaskFileRequest, call: Call
    ) -> AsyncIterator[pb.DownloadTaskFileResponse]:
        file = await self._files.get(call, request.task_id, request.id)
        if request.offset > file.size:
            raise InvalidRequest("offset", f"must be at most {file.size}, the size of the file")
        return self._pieces(file, request.offset)

    async def _pieces(self, file: TaskFile, offset: int) -> AsyncIterator[pb.DownloadTaskFileResponse]:
        if offset < file.size:
            async for data in self._blobs.read(file.blob, offset, file.size):
                yield pb.DownloadTaskFileResponse(data=data)

    async def DeleteTaskFile(self, request: pb.DeleteTaskFileRequest, call: Call) -> pb.DeleteTaskFileResponse:
        once(request, call)
        await self._files.delete(call, request.task_id, request.id)
        return pb.DeleteTaskFileResponse()


async def _data(requests: AsyncIterator[pb.UploadTaskFileRequest], sample: bytearray) -> AsyncIterator[bytes]:
    """The file's bytes as they come, the first of which are kept as a sample. Raises InvalidRequest."""
    async for request in requests:
        if not request.HasField("data"):
            raise InvalidRequest("upload", "must come in the first message alone")
        if request.data:
            sample.extend(request.data[: SAMPLE_BYTES - len(sample)])
            yield request.data
