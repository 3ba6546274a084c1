"""The Agent Orchestration API: its services."""

from orchestrator.agent_orchestration.v1 import (
    agent_service_pb2,
    event_service_pb2,
    execution_service_pb2,
    knowledge_service_pb2,
    session_service_pb2,
    webhook_service_pb2,
)

from server.apikit.api import Services
from server.apikit.declaration import Limits
from server.apis.agent_orchestration.agents import AgentServicer
from server.apis.agent_orchestration.declaration import DECLARATION
from server.apis.agent_orchestration.events import EventServicer
from server.apis.agent_orchestration.executions import ExecutionServicer
from server.apis.agent_orchestration.knowledge import KnowledgeServicer
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
    assert DECLARATION.max_upload_bytes is not None
    knowledge = KnowledgeServicer(
        use_cases.documents,
        use_cases.knowledge_search,
        use_cases.blobs,
        most_bytes=DECLARATION.max_upload_bytes,
    )
    return [
        (session_service_pb2.DESCRIPTOR.services_by_name["SessionService"], SessionServicer(use_cases.sessions)),
        (agent_service_pb2.DESCRIPTOR.services_by_name["AgentService"], AgentServicer(use_cases.agents)),
        (execution_service_pb2.DESCRIPTOR.services_by_name["ExecutionService"], executions),
        (knowledge_service_pb2.DESCRIPTOR.services_by_name["KnowledgeService"], knowledge),
        (event_service_pb2.DESCRIPTOR.services_by_name["EventService"], events),
        (
            webhook_service_pb2.DESCRIPTOR.services_by_name["WebhookService"],
            WebhookServicer(use_cases.webhooks, use_cases.deliveries),
        ),
    ]
