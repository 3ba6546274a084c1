"""The Agent Operations API, on the operations port below /v1, with its tokens at /oauth/token."""

from orchestrator.agent_operations.v1 import (
    agent_service_pb2,
    event_service_pb2,
    oauth_service_pb2,
    system_service_pb2,
    task_service_pb2,
    worker_service_pb2,
    workflow_service_pb2,
)

from server.apikit.api import Api
from server.apis.agent_operations.agents import AgentServicer
from server.apis.agent_operations.events import EventServicer
from server.apis.agent_operations.oauth import OAuthServicer
from server.apis.agent_operations.shape import render_error
from server.apis.agent_operations.system import SystemServicer
from server.apis.agent_operations.tasks import TaskServicer
from server.apis.agent_operations.workers import WorkerServicer
from server.apis.agent_operations.workflows import WorkflowServicer
from server.core.use_cases import UseCases


def agent_operations_api(
    use_cases: UseCases, *, burst_per_minute: int, sockets_per_key: int = 100, slow_after: int = 10_000
) -> Api:
    """The API over these use cases; a key may make `burst_per_minute` requests a minute and have so many sockets.

    Whoever reads a socket and is more than `slow_after` events behind is told so.
    """
    agents = AgentServicer(use_cases.agents, use_cases.agent_health)
    # What a subscription may name.
    find = {
        "agent_id": use_cases.agents.get,
        "task_id": use_cases.task_queries.get,
        "workflow_id": use_cases.workflows.get,
    }
    events = EventServicer(use_cases.events, find, sockets_per_key=sockets_per_key, slow_after=slow_after)
    tasks = TaskServicer(use_cases.tasks, use_cases.task_queries, use_cases.agents)
    system = SystemServicer(use_cases.health, use_cases.task_metrics)
    workflows = WorkflowServicer(use_cases.workflows, use_cases.workflow_runs)
    return Api(
        name="agent_operations",
        services=[
            (oauth_service_pb2.DESCRIPTOR.services_by_name["OAuthService"], OAuthServicer(use_cases.oauth_clients)),
            (agent_service_pb2.DESCRIPTOR.services_by_name["AgentService"], agents),
            (event_service_pb2.DESCRIPTOR.services_by_name["EventService"], events),
            (task_service_pb2.DESCRIPTOR.services_by_name["TaskService"], tasks),
            (system_service_pb2.DESCRIPTOR.services_by_name["SystemService"], system),
            (
                worker_service_pb2.DESCRIPTOR.services_by_name["WorkerService"],
                WorkerServicer(use_cases.workers, use_cases.worker_reports, use_cases.worker_hub),
            ),
            (workflow_service_pb2.DESCRIPTOR.services_by_name["WorkflowService"], workflows),
        ],
        render_error=render_error,
        burst_per_minute=burst_per_minute,
    )
