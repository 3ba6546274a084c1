"""The Agent Orchestration API, on the orchestra port below /v1."""

from orchestrator.agent_orchestration.v1 import (
    agent_service_pb2,
    event_service_pb2,
    execution_service_pb2,
    session_service_pb2,
)

from server.apikit.api import Api
from server.apis.agent_orchestration.agents import AgentServicer
from server.apis.agent_orchestration.events import EventServicer
from server.apis.agent_orchestration.executions import ExecutionServicer
from server.apis.agent_orchestration.sessions import SessionServicer
from server.apis.agent_orchestration.shape import render_error
from server.core.use_cases import UseCases


def agent_orchestration_api(use_cases: UseCases, *, wait_seconds: float) -> Api:
    """The API over these use cases; `wait_seconds` bounds how long an execution is waited for."""
    sessions = SessionServicer(use_cases.sessions)
    agents = AgentServicer(use_cases.agents)
    executions = ExecutionServicer(
        use_cases.tasks, use_cases.task_queries, use_cases.sessions, use_cases.agents, wait_seconds=wait_seconds
    )
    events = EventServicer(use_cases.events, use_cases.sessions)
    return Api(
        name="orchestrator.agent_orchestration.v1",
        services=[
            (session_service_pb2.DESCRIPTOR.services_by_name["SessionService"], sessions),
            (agent_service_pb2.DESCRIPTOR.services_by_name["AgentService"], agents),
            (execution_service_pb2.DESCRIPTOR.services_by_name["ExecutionService"], executions),
            (event_service_pb2.DESCRIPTOR.services_by_name["EventService"], events),
        ],
        render_error=render_error,
    )
