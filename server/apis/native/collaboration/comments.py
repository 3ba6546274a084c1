"""orchestrator.v1.CommentService, and orchestrator.v1.RatingService."""

from __future__ import annotations

from orchestrator.wire.v1 import comment_service_pb2 as pb
from orchestrator.wire.v1 import rating_service_pb2 as rating_pb

from server.apis.native.people_resources import comment_message, rating_message
from server.apis.native.requests import once
from server.core.discussion.comments import TaskComments
from server.core.discussion.ratings import Ratings
from server.core.shared.call_context import Call

PAGE_SIZE, LARGEST_PAGE = 20, 100


class CommentServicer:
    """Decodes, calls the use case, encodes."""

    def __init__(self, comments: TaskComments) -> None:
        self._comments = comments

    async def CreateComment(self, request: pb.CreateCommentRequest, call: Call) -> pb.CreateCommentResponse:
        once(request, call)
        comment = await self._comments.create(
            call,
            request.task_id,
            content=request.content,
            mentions=list(request.mentions),
            attempt=request.attempt,
        )
        return pb.CreateCommentResponse(comment=comment_message(comment))

    async def ListComments(self, request: pb.ListCommentsRequest, call: Call) -> pb.ListCommentsResponse:
        size = min(LARGEST_PAGE, request.page_size or PAGE_SIZE)
        page = await self._comments.page(call, request.task_id, size=size, token=request.page_token)
        return pb.ListCommentsResponse(
            comments=[comment_message(comment) for comment in page.rows], next_page_token=page.next_token
        )

    async def DeleteComment(self, request: pb.DeleteCommentRequest, call: Call) -> pb.DeleteCommentResponse:
        once(request, call)
        await self._comments.delete(call, request.task_id, request.id)
        return pb.DeleteCommentResponse()


class RatingServicer:
    """Decodes, calls the use case, encodes."""

    def __init__(self, ratings: Ratings) -> None:
        self._ratings = ratings

    async def RateTask(self, request: rating_pb.RateTaskRequest, call: Call) -> rating_pb.RateTaskResponse:
        once(request, call)
        given = request.rating
        rating, _ = await self._ratings.give(
            call,
            given.task_id,
            quality=given.quality if given.HasField("quality") else None,
            code_quality=given.code_quality if given.HasField("code_quality") else None,
            satisfaction=given.satisfaction if given.HasField("satisfaction") else None,
            comment=given.comment,
        )
        return rating_pb.RateTaskResponse(rating=rating_message(rating))

    async def ListRatings(self, request: rating_pb.ListRatingsRequest, call: Call) -> rating_pb.ListRatingsResponse:
        found = await self._ratings.of_task(call, request.task_id)
        return rating_pb.ListRatingsResponse(ratings=[rating_message(rating) for rating in found])
