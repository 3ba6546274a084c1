"""The AI Orchestra API: its services."""

from orchestrator.ai_orchestra.v2 import health_service_pb2, system_service_pb2, webhook_service_pb2

from server.apikit.api import Services
from server.apikit.declaration import Limits
from server.apis.ai_orchestra.health import HealthServicer
from server.apis.ai_orchestra.system import SystemServicer
from server.apis.ai_orchestra.webhooks import WebhookServicer
from server.core.use_cases import UseCases
from server.settings import Settings


def services(use_cases: UseCases, settings: Settings, limits: Limits) -> Services:
    """The services over these use cases."""
    system = SystemServicer(use_cases.health, use_cases.scrapes, settings.metrics_token)
    webhooks = WebhookServicer(use_cases.webhooks, use_cases.deliveries)
    return [
        (health_service_pb2.DESCRIPTOR.services_by_name["HealthService"], HealthServicer(use_cases.health)),
        (system_service_pb2.DESCRIPTOR.services_by_name["SystemService"], system),
        (webhook_service_pb2.DESCRIPTOR.services_by_name["WebhookService"], webhooks),
    ]
