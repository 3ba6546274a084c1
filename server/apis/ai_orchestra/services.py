"""The AI Orchestra API: its services."""

from orchestrator.ai_orchestra.v1 import chat_service_pb2 as first_chat_service_pb2
from orchestrator.ai_orchestra.v2 import (
    chat_service_pb2,
    chat_socket_service_pb2,
    health_service_pb2,
    system_service_pb2,
    webhook_service_pb2,
)

from server.apikit.api import Services
from server.apikit.declaration import Limits
from server.apikit.sockets.socket_protocol import SocketDependencies
from server.apis.ai_orchestra.chat.first_version import FirstChatServicer
from server.apis.ai_orchestra.chat.servicer import ChatServicer
from server.apis.ai_orchestra.chat.socket import ChatSocketServicer
from server.apis.ai_orchestra.health import HealthServicer
from server.apis.ai_orchestra.system import SystemServicer
from server.apis.ai_orchestra.webhooks import WebhookServicer
from server.core.use_cases import UseCases
from server.settings import Settings


def services(use_cases: UseCases, settings: Settings, limits: Limits) -> Services:
    """The services over these use cases."""
    system = SystemServicer(use_cases.health, use_cases.scrapes, settings.metrics_token)
    webhooks = WebhookServicer(use_cases.webhooks, use_cases.deliveries)
    wait = settings.chat_wait_seconds
    chat = ChatServicer(use_cases.chat_answers, use_cases.answer_streams, use_cases.conversations, wait_seconds=wait)
    first = FirstChatServicer(use_cases.chat_answers, wait_seconds=wait)
    shared = SocketDependencies(use_cases.events, settings.slow_consumer_events)
    socket = ChatSocketServicer(
        shared, use_cases.chat_answers, use_cases.answer_streams, use_cases.conversations, use_cases.models
    )
    return [
        (chat_service_pb2.DESCRIPTOR.services_by_name["ChatService"], chat),
        (first_chat_service_pb2.DESCRIPTOR.services_by_name["ChatService"], first),
        (chat_socket_service_pb2.DESCRIPTOR.services_by_name["ChatSocketService"], socket),
        (health_service_pb2.DESCRIPTOR.services_by_name["HealthService"], HealthServicer(use_cases.health)),
        (system_service_pb2.DESCRIPTOR.services_by_name["SystemService"], system),
        (webhook_service_pb2.DESCRIPTOR.services_by_name["WebhookService"], webhooks),
    ]
