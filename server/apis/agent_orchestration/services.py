"""The Agent Orchestration API: its services."""

from orchestrator.agent_orchestration.v1 import (
    agent_service_pb2,
    event_service_pb2,
    execution_service_pb2,
    session_service_pb2,
    webhook_service_pb2,
)

from server.apikit.api import Services
from server.apikit.declaration import Limits
from server.apis.agent_orchestration.agents import AgentServicer
from server.apis.agent_orchestration.events import EventServicer
from server.apis.agent_orchestration.executions import ExecutionServicer
from server.apis.agent_orchestration.sessions import SessionServicer
from server.apis.agent_orchestration.webhooks import WebhookServicer
from server.core.use_cases import UseCases
from server.settings import Settings


def services(use_cases: UseCases, settings: Settings, limits: Limits) -> Services:
    """The services over these use cases."""
    executions = ExecutionServicer(
        use_cases.tasks,
        use_cases.task_queries,
        use_cases.sessions,
        use_cases.agents,
        wait_seconds=settings.execute_wait_seconds,
    )
    events = EventServicer(use_cases.events, use_cases.sessions)
    return [
        (session_service_pb2.DESCRIPTOR.services_by_name["SessionService"], SessionServicer(use_cases.sessions)),
        (agent_service_pb2.DESCRIPTOR.services_by_name["AgentService"], AgentServicer(use_cases.agents)),
        (execution_service_pb2.DESCRIPTOR.services_by_name["ExecutionService"], executions),
        (event_service_pb2.DESCRIPTOR.services_by_name["EventService"], events),
        (
            webhook_service_pb2.DESCRIPTOR.services_by_name["WebhookService"],
            WebhookServicer(use_cases.webhooks, use_cases.deliveries),
        ),
    ]
