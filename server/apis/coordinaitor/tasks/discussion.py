"""CoordinAItor: comments on tasks, and ratings."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from orchestrator.wire.coordinaitor.v1 import comment_service_pb2 as pb
from orchestrator.wire.coordinaitor.v1 import rating_service_pb2 as rating_pb

from server.apis.coordinaitor.envelope import answer, listed, page_of, shown_value
from server.apis.coordinaitor.tasks.discussion_shape import comment_message, file_message, rating_message
from server.core.discussion.comments import TaskComments
from server.core.discussion.files import TaskFiles
from server.core.discussion.ratings import Ratings
from server.core.shared.call_context import Call
from server.model import Task


class CommentServicer:
    """Decodes, calls the use case, encodes."""

    def __init__(self, comments: TaskComments) -> None:
        self._comments = comments

    async def CreateComment(self, request: pb.CreateCommentRequest, call: Call) -> pb.CreateCommentResponse:
        comment = await self._comments.create(
            call,
            request.task_id,
            content=request.content,
            mentions=list(request.mentions),
            attempt=request.attempt,
        )
        return answer(pb.CreateCommentResponse, call, comment_message(comment))

    async def ListComments(self, request: pb.ListCommentsRequest, call: Call) -> pb.ListCommentsResponse:
        _, limit, offset = page_of(request)
        page = await self._comments.slice(call, request.task_id, limit=limit, offset=offset)
        return listed(pb.ListCommentsResponse, call, request, list(map(comment_message, page.rows)), page.total)

    async def DeleteComment(self, request: pb.DeleteCommentRequest, call: Call) -> pb.DeleteCommentResponse:
        await self._comments.delete(call, request.task_id, request.comment_id)
        return pb.DeleteCommentResponse()


class RatingServicer:
    """Decodes, calls the use case, encodes."""

    def __init__(self, ratings: Ratings) -> None:
        self._ratings = ratings

    async def RateTask(self, request: rating_pb.RateTaskRequest, call: Call) -> rating_pb.RateTaskResponse:
        rating, first = await self._ratings.give(
            call,
            request.task_id,
            quality=request.quality if request.HasField("quality") else None,
            code_quality=request.code_quality if request.HasField("code_quality") else None,
            satisfaction=request.satisfaction if request.HasField("satisfaction") else None,
            comment=request.comment,
        )
        call.http_status = 201 if first else 200
        return answer(rating_pb.RateTaskResponse, call, rating_message(rating))

    async def ListRatings(self, request: rating_pb.ListRatingsRequest, call: Call) -> rating_pb.ListRatingsResponse:
        found = await self._ratings.of_task(call, request.task_id)
        return answer(rating_pb.ListRatingsResponse, call, list(map(rating_message, found)))


def included(comments: TaskComments, files: TaskFiles) -> Mapping[str, Callable[[Call, Task], Awaitable[bytes]]]:
    """What a task is shown with where somebody asks for it, by the field that has it."""

    async def its_comments(_call: Call, task: Task) -> bytes:
        return shown_value(map(comment_message, (await comments.of_tasks([task.id])).get(task.id, ())))

    async def its_files(_call: Call, task: Task) -> bytes:
        return shown_value(map(file_message, (await files.of_tasks([task.id])).get(task.id, ())))

    return {"comments": its_comments, "files": its_files}
