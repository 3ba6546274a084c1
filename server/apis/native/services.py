"""The native API: its services."""

from orchestrator.v1 import (
    account_service_pb2,
    agent_service_pb2,
    audit_service_pb2,
    chat_service_pb2,
    comment_service_pb2,
    event_service_pb2,
    knowledge_service_pb2,
    model_service_pb2,
    notification_service_pb2,
    project_service_pb2,
    rating_service_pb2,
    session_service_pb2,
    task_board_service_pb2,
    task_file_service_pb2,
    task_service_pb2,
    user_service_pb2,
    webhook_service_pb2,
    worker_service_pb2,
    workflow_service_pb2,
)

from server.apikit.api import Services
from server.apikit.declaration import Limits
from server.apis.native.agents import AgentServicer
from server.apis.native.chat.servicer import ChatServicer
from server.apis.native.collaboration.comments import CommentServicer, RatingServicer
from server.apis.native.collaboration.projects import ProjectServicer
from server.apis.native.collaboration.task_board import TaskBoardServicer
from server.apis.native.collaboration.task_files import TaskFileServicer
from server.apis.native.events import EventServicer
from server.apis.native.knowledge.servicer import KnowledgeServicer
from server.apis.native.models.servicer import ModelServicer
from server.apis.native.people.account import AccountServicer
from server.apis.native.people.audit import AuditServicer
from server.apis.native.people.notifications import NotificationServicer
from server.apis.native.people.users import UserServicer
from server.apis.native.sessions import SessionServicer
from server.apis.native.tasks import TaskServicer
from server.apis.native.webhooks.servicer import WebhookServicer
from server.apis.native.workers import WorkerServicer
from server.apis.native.workflows.servicer import WorkflowServicer
from server.core.use_cases import UseCases
from server.settings import Settings


def services(use_cases: UseCases, settings: Settings, limits: Limits) -> Services:
    """The services over these use cases."""
    heartbeat = settings.heartbeat_seconds
    return [
        (session_service_pb2.DESCRIPTOR.services_by_name["SessionService"], SessionServicer(use_cases.sessions)),
        (agent_service_pb2.DESCRIPTOR.services_by_name["AgentService"], AgentServicer(use_cases.agents)),
        (
            task_service_pb2.DESCRIPTOR.services_by_name["TaskService"],
            TaskServicer(use_cases.tasks, use_cases.task_queries, heartbeat_seconds=heartbeat),
        ),
        (
            task_board_service_pb2.DESCRIPTOR.services_by_name["TaskBoardService"],
            TaskBoardServicer(
                use_cases.task_editing,
                use_cases.task_moves,
                use_cases.task_search,
                use_cases.task_history,
                use_cases.task_waiting,
            ),
        ),
        (
            knowledge_service_pb2.DESCRIPTOR.services_by_name["KnowledgeService"],
            KnowledgeServicer(use_cases.documents, use_cases.knowledge_search, use_cases.blobs),
        ),
        (
            chat_service_pb2.DESCRIPTOR.services_by_name["ChatService"],
            ChatServicer(
                use_cases.chat_answers,
                use_cases.answer_streams,
                use_cases.conversations,
                wait_seconds=settings.chat_wait_seconds,
            ),
        ),
        (
            model_service_pb2.DESCRIPTOR.services_by_name["ModelService"],
            ModelServicer(use_cases.models, use_cases.budgets, use_cases.usages, use_cases.prices),
        ),
        (event_service_pb2.DESCRIPTOR.services_by_name["EventService"], EventServicer(use_cases.events)),
        (audit_service_pb2.DESCRIPTOR.services_by_name["AuditService"], AuditServicer(use_cases.audit_log)),
        (
            notification_service_pb2.DESCRIPTOR.services_by_name["NotificationService"],
            NotificationServicer(use_cases.inbox, use_cases.events),
        ),
        (
            user_service_pb2.DESCRIPTOR.services_by_name["UserService"],
            UserServicer(use_cases.users, use_cases.logins, use_cases.invitations, use_cases.password_resets),
        ),
        (account_service_pb2.DESCRIPTOR.services_by_name["AccountService"], AccountServicer(use_cases)),
        (
            webhook_service_pb2.DESCRIPTOR.services_by_name["WebhookService"],
            WebhookServicer(use_cases.webhooks, use_cases.deliveries),
        ),
        (
            worker_service_pb2.DESCRIPTOR.services_by_name["WorkerService"],
            WorkerServicer(use_cases.workers, use_cases.worker_reports, use_cases.worker_hub),
        ),
        (
            workflow_service_pb2.DESCRIPTOR.services_by_name["WorkflowService"],
            WorkflowServicer(use_cases.workflows, use_cases.workflow_runs, heartbeat_seconds=heartbeat),
        ),
        (project_service_pb2.DESCRIPTOR.services_by_name["ProjectService"], ProjectServicer(use_cases.projects)),
        (comment_service_pb2.DESCRIPTOR.services_by_name["CommentService"], CommentServicer(use_cases.task_comments)),
        (
            task_file_service_pb2.DESCRIPTOR.services_by_name["TaskFileService"],
            TaskFileServicer(use_cases.task_files, use_cases.blobs),
        ),
        (rating_service_pb2.DESCRIPTOR.services_by_name["RatingService"], RatingServicer(use_cases.ratings)),
    ]
