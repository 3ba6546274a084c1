"""The CoordinAItor API: its services."""

from orchestrator.coordinaitor.v1 import agent_service_pb2, system_service_pb2, task_service_pb2

from server.apikit.api import Services
from server.apikit.declaration import Limits
from server.apis.coordinaitor.agents import AgentServicer
from server.apis.coordinaitor.system import SystemServicer
from server.apis.coordinaitor.tasks import TaskServicer
from server.core.use_cases import UseCases
from server.settings import Settings


def services(use_cases: UseCases, settings: Settings, limits: Limits) -> Services:
    """The services over these use cases."""
    return [
        (task_service_pb2.DESCRIPTOR.services_by_name["TaskService"], TaskServicer(use_cases.task_queries)),
        (
            agent_service_pb2.DESCRIPTOR.services_by_name["AgentService"],
            AgentServicer(use_cases.agents, use_cases.agent_directory, use_cases.agent_history, use_cases.task_queries),
        ),
        (
            system_service_pb2.DESCRIPTOR.services_by_name["SystemService"],
            SystemServicer(
                use_cases.health,
                use_cases.system_statuses,
                use_cases.system_logs,
                use_cases.task_metrics,
                use_cases.agent_directory,
            ),
        ),
    ]
