"""The CoordinAItor API: its services."""

from google.protobuf.descriptor import ServiceDescriptor
from orchestrator.coordinaitor.v1 import (
    agent_service_pb2,
    audit_service_pb2,
    auth_service_pb2,
    comment_service_pb2,
    event_service_pb2,
    file_service_pb2,
    notification_service_pb2,
    project_service_pb2,
    rating_service_pb2,
    system_service_pb2,
    task_service_pb2,
    user_service_pb2,
    webhook_service_pb2,
)

from server.apikit.api import Services
from server.apikit.declaration import Limits
from server.apikit.sockets.socket_protocol import SocketDependencies
from server.apis.coordinaitor.agents.servicer import AgentServicer
from server.apis.coordinaitor.declaration import DECLARATION
from server.apis.coordinaitor.events.audit import AuditServicer
from server.apis.coordinaitor.events.notifications import NotificationServicer
from server.apis.coordinaitor.events.socket import EventServicer
from server.apis.coordinaitor.events.webhooks import WebhookServicer
from server.apis.coordinaitor.people.auth import AuthServicer
from server.apis.coordinaitor.people.users import UserServicer
from server.apis.coordinaitor.projects.servicer import ProjectServicer
from server.apis.coordinaitor.system import SystemServicer
from server.apis.coordinaitor.tasks.discussion import CommentServicer, RatingServicer, included
from server.apis.coordinaitor.tasks.files import FileServicer
from server.apis.coordinaitor.tasks.servicer import TaskServicer
from server.core.use_cases import UseCases
from server.settings import Settings


def services(use_cases: UseCases, settings: Settings, limits: Limits) -> Services:
    """The services over these use cases."""
    cases = use_cases
    # Outside development what encrypts stands before the gateway.
    scheme = "http" if settings.environment == "development" else "https"
    assert DECLARATION.max_upload_bytes is not None
    files = FileServicer(cases.task_files, cases.blobs, most_bytes=DECLARATION.max_upload_bytes)
    tasks = TaskServicer(
        cases.tasks,
        cases.task_editing,
        cases.task_moves,
        cases.task_search,
        cases.task_history,
        cases.task_waiting,
        included(cases.task_comments, cases.task_files),
    )
    agents = AgentServicer(cases.agents, cases.agent_directory, cases.agent_history, cases.task_queries)
    sockets = SocketDependencies(cases.events, settings.slow_consumer_events)
    find = {"agentId": cases.agents.get, "taskId": cases.task_queries.get}
    system = SystemServicer(
        cases.health, cases.system_statuses, cases.system_logs, cases.task_metrics, cases.agent_directory
    )
    users = UserServicer(cases.users, cases.avatars, cases.invitations, cases.password_resets, scheme)
    return [
        (_named(agent_service_pb2, "AgentService"), agents),
        (_named(audit_service_pb2, "AuditService"), AuditServicer(cases.audit_log)),
        (_named(auth_service_pb2, "AuthService"), AuthServicer(cases, limits.tiers or {}, scheme)),
        (_named(comment_service_pb2, "CommentService"), CommentServicer(cases.task_comments)),
        (_named(event_service_pb2, "EventService"), EventServicer(sockets, cases.names, cases.inbox, find)),
        (_named(file_service_pb2, "FileService"), files),
        (_named(notification_service_pb2, "NotificationService"), NotificationServicer(cases.inbox)),
        (_named(project_service_pb2, "ProjectService"), ProjectServicer(cases.projects, tasks.ListTasks)),
        (_named(rating_service_pb2, "RatingService"), RatingServicer(cases.ratings)),
        (_named(system_service_pb2, "SystemService"), system),
        (_named(task_service_pb2, "TaskService"), tasks),
        (_named(user_service_pb2, "UserService"), users),
        (_named(webhook_service_pb2, "WebhookService"), WebhookServicer(cases.webhooks, cases.deliveries)),
    ]


def _named(module: object, name: str) -> ServiceDescriptor:
    descriptor: ServiceDescriptor = module.DESCRIPTOR.services_by_name[name]  # type: ignore[attr-defined]
    return descriptor
