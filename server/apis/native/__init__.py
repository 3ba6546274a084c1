"""The native API: what internal services call with generated stubs."""

from orchestrator.v1 import (
    agent_service_pb2,
    event_service_pb2,
    session_service_pb2,
    task_service_pb2,
    worker_service_pb2,
    workflow_service_pb2,
)

from server.apikit.api import HTTP_STATUS, Api, Rendered
from server.apis.native.agents import AgentServicer
from server.apis.native.events import EventServicer
from server.apis.native.sessions import SessionServicer
from server.apis.native.tasks import TaskServicer
from server.apis.native.workers import WorkerServicer
from server.apis.native.workflows import WorkflowServicer
from server.core.use_cases import UseCases
from server.errors import ServiceError


def render_error(error: ServiceError, request_id: str) -> Rendered:
    """The native API has no documented HTTP shape; this is for whoever puts a gateway of their own before it."""
    body = {"error": {"code": error.reason, "message": error.message, "details": error.details}}
    return Rendered(HTTP_STATUS[error.kind], body)


def native_api(use_cases: UseCases) -> Api:
    """The native API over these use cases."""
    return Api(
        name="orchestrator.v1",
        services=[
            (session_service_pb2.DESCRIPTOR.services_by_name["SessionService"], SessionServicer(use_cases.sessions)),
            (agent_service_pb2.DESCRIPTOR.services_by_name["AgentService"], AgentServicer(use_cases.agents)),
            (
                task_service_pb2.DESCRIPTOR.services_by_name["TaskService"],
                TaskServicer(use_cases.tasks, use_cases.task_queries),
            ),
            (event_service_pb2.DESCRIPTOR.services_by_name["EventService"], EventServicer(use_cases.events)),
            (
                worker_service_pb2.DESCRIPTOR.services_by_name["WorkerService"],
                WorkerServicer(use_cases.workers, use_cases.worker_reports, use_cases.worker_hub),
            ),
            (
                workflow_service_pb2.DESCRIPTOR.services_by_name["WorkflowService"],
                WorkflowServicer(use_cases.workflows, use_cases.workflow_runs),
            ),
        ],
        render_error=render_error,
    )
