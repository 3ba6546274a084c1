"""The CoordinAItor API: its services."""

from orchestrator.coordinaitor.v1 import (
    audit_service_pb2,
    event_service_pb2,
    notification_service_pb2,
    task_service_pb2,
    webhook_service_pb2,
)

from server.apikit.api import Services
from server.apikit.declaration import Limits
from server.apikit.socket_protocol import SocketDependencies
from server.apis.coordinaitor.events.audit import AuditServicer
from server.apis.coordinaitor.events.notifications import NotificationServicer
from server.apis.coordinaitor.events.socket import EventServicer
from server.apis.coordinaitor.events.webhooks import WebhookServicer
from server.apis.coordinaitor.tasks import TaskServicer
from server.core.use_cases import UseCases
from server.settings import Settings


def services(use_cases: UseCases, settings: Settings, limits: Limits) -> Services:
    """The services over these use cases."""
    sockets = SocketDependencies(use_cases.events, settings.slow_consumer_events)
    find = {"agentId": use_cases.agents.get, "taskId": use_cases.task_queries.get}
    return [
        (audit_service_pb2.DESCRIPTOR.services_by_name["AuditService"], AuditServicer(use_cases.audit_log)),
        (
            event_service_pb2.DESCRIPTOR.services_by_name["EventService"],
            EventServicer(sockets, use_cases.names, use_cases.inbox, find),
        ),
        (task_service_pb2.DESCRIPTOR.services_by_name["TaskService"], TaskServicer(use_cases.task_queries)),
        (
            notification_service_pb2.DESCRIPTOR.services_by_name["NotificationService"],
            NotificationServicer(use_cases.inbox),
        ),
        (
            webhook_service_pb2.DESCRIPTOR.services_by_name["WebhookService"],
            WebhookServicer(use_cases.webhooks, use_cases.deliveries),
        ),
    ]
