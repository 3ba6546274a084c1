"""The CoordinAItor API: its services."""

from orchestrator.coordinaitor.v1 import notification_service_pb2, task_service_pb2, webhook_service_pb2

from server.apikit.api import Services
from server.apikit.declaration import Limits
from server.apis.coordinaitor.notifications import NotificationServicer
from server.apis.coordinaitor.tasks import TaskServicer
from server.apis.coordinaitor.webhooks import WebhookServicer
from server.core.use_cases import UseCases
from server.settings import Settings


def services(use_cases: UseCases, settings: Settings, limits: Limits) -> Services:
    """The services over these use cases."""
    return [
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
