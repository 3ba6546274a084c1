"""The CoordinAItor API: its services."""

from orchestrator.coordinaitor.v1 import (
    comment_service_pb2,
    file_service_pb2,
    project_service_pb2,
    rating_service_pb2,
    task_service_pb2,
)

from server.apikit.api import Services
from server.apikit.declaration import Limits
from server.apis.coordinaitor.declaration import DECLARATION
from server.apis.coordinaitor.discussion import CommentServicer, RatingServicer
from server.apis.coordinaitor.files import FileServicer
from server.apis.coordinaitor.projects import ProjectServicer
from server.apis.coordinaitor.tasks import TaskServicer
from server.core.use_cases import UseCases
from server.settings import Settings


def services(use_cases: UseCases, settings: Settings, limits: Limits) -> Services:
    """The services over these use cases."""
    assert DECLARATION.max_upload_bytes is not None
    return [
        (task_service_pb2.DESCRIPTOR.services_by_name["TaskService"], TaskServicer(use_cases.task_queries)),
        (
            project_service_pb2.DESCRIPTOR.services_by_name["ProjectService"],
            ProjectServicer(use_cases.projects, use_cases.task_queries),
        ),
        (comment_service_pb2.DESCRIPTOR.services_by_name["CommentService"], CommentServicer(use_cases.task_comments)),
        (
            file_service_pb2.DESCRIPTOR.services_by_name["FileService"],
            FileServicer(use_cases.task_files, use_cases.blobs, most_bytes=DECLARATION.max_upload_bytes),
        ),
        (rating_service_pb2.DESCRIPTOR.services_by_name["RatingService"], RatingServicer(use_cases.ratings)),
    ]
