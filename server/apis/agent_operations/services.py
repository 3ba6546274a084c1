"""The Agent Operations API: its services."""

from orchestrator.agent_operations.v1 import (
    agent_service_pb2,
    event_service_pb2,
    system_service_pb2,
    task_service_pb2,
    worker_service_pb2,
    workflow_service_pb2,
)

from server.apikit.api import Services
from server.apikit.declaration import Limits
from server.apis.agent_operations.agents import AgentServicer
from server.apis.agent_operations.events import EventServicer
from server.apis.agent_operations.system import SystemServicer
from server.apis.agent_operations.tasks import TaskServicer
from server.apis.agent_operations.workers import WorkerServicer
from server.apis.agent_operations.workflows import WorkflowServicer
from server.core.use_cases import UseCases
from server.settings import Settings


def services(use_cases: UseCases, settings: Settings, limits: Limits) -> Services:
    """The services over these use cases."""
    agents = AgentServicer(use_cases.agents, use_cases.agent_health)
    # What a subscription may name.
    find = {
        "agent_id": use_cases.agents.get,
        "task_id": use_cases.task_queries.get,
        "workflow_id": use_cases.workflows.get,
    }
    events = EventServicer(use_cases.events, find, slow_after=settings.slow_consumer_events)
    tasks = TaskServicer(use_cases.tasks, use_cases.task_queries, use_cases.agents)
    system = SystemServicer(use_cases.health, use_cases.task_metrics)
    workflows = WorkflowServicer(use_cases.workflows, use_cases.workflow_runs)
    return [
        (agent_service_pb2.DESCRIPTOR.services_by_name["AgentService"], agents),
        (event_service_pb2.DESCRIPTOR.services_by_name["EventService"], events),
        (task_service_pb2.DESCRIPTOR.services_by_name["TaskService"], tasks),
        (system_service_pb2.DESCRIPTOR.services_by_name["SystemService"], system),
        (
            worker_service_pb2.DESCRIPTOR.services_by_name["WorkerService"],
            WorkerServicer(use_cases.workers, use_cases.worker_reports, use_cases.worker_hub),
        ),
        (workflow_service_pb2.DESCRIPTOR.services_by_name["WorkflowService"], workflows),
    ]
