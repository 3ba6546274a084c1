"""The CoordinAItor API's comments, files and ratings, as messages."""

from __future__ import annotations

import json

from orchestrator.wire.coordinaitor.v1.discussion_pb2 import Comment as CommentMessage
from orchestrator.wire.coordinaitor.v1.discussion_pb2 import Rating as RatingMessage
from orchestrator.wire.coordinaitor.v1.discussion_pb2 import TaskFile as FileMessage

from server.apikit.projection import project, timestamp
from server.apis.coordinaitor.shape import nullable, nullable_id, shown_id
from server.model import Comment, Rating, TaskFile


def comment_message(comment: Comment) -> CommentMessage:
    """A comment."""
    return project(
        comment,
        CommentMessage,
        id=shown_id("comment", comment.id),
        author=shown_author(comment.author),
        mentions=[shown_id("user", each) for each in json.loads(comment.mentions)],
    )


def file_message(file: TaskFile) -> FileMessage:
    """What is known of a file."""
    return project(
        file,
        FileMessage,
        id=shown_id("file", file.id),
        mime_type=file.content_type,
        uploaded_by=shown_author(file.author),
        uploaded_at=timestamp(file.created_at),
    )


def rating_message(rating: Rating) -> RatingMessage:
    """What somebody thinks of how a task was done."""
    return project(
        rating,
        RatingMessage,
        task_id=shown_id("task", rating.task_id),
        user_id=shown_id("user", rating.user_id),
        agent_id=nullable_id("agent", rating.agent_id),
        quality=nullable(rating.quality),
        code_quality=nullable(rating.code_quality),
        satisfaction=nullable(rating.satisfaction),
    )


def shown_author(author: str) -> str:
    """Who said or brought something, as this API writes ids."""
    return author.replace("_", "-", 1)
