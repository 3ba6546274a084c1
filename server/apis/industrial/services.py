"""The Industrial API: its services."""

from orchestrator.industrial.v1 import (
    agent_service_pb2,
    event_service_pb2,
    session_service_pb2,
    system_service_pb2,
    task_service_pb2,
)

from server.apikit.api import Services
from server.apikit.declaration import Limits
from server.apis.industrial.agents import AgentServicer
from server.apis.industrial.events import EventServicer
from server.apis.industrial.sessions import SessionServicer
from server.apis.industrial.system import SystemServicer
from server.apis.industrial.tasks import TaskServicer
from server.apis.industrial.views import Views
from server.core.use_cases import UseCases
from server.settings import Settings


def services(use_cases: UseCases, settings: Settings, limits: Limits) -> Services:
    """The services over these use cases."""
    system = SystemServicer(use_cases.health)
    views = Views(use_cases.task_relations, use_cases.session_statistics, use_cases.checkpoints)
    sessions = SessionServicer(
        use_cases.sessions,
        use_cases.session_statistics,
        use_cases.coding_sessions,
        use_cases.checkpoints,
        use_cases.task_queries,
        views,
    )
    agents = AgentServicer(use_cases.agent_heartbeats, use_cases.agent_performance, use_cases.assignments, views)
    tasks = TaskServicer(use_cases.coding_tasks, use_cases.assignments, use_cases.task_queries, views)
    events = EventServicer(
        use_cases.events,
        use_cases.sessions.get,
        use_cases.agents.get,
        views,
        use_cases.agent_performance,
        system.health,
        slow_after=settings.slow_consumer_events,
    )
    return [
        (session_service_pb2.DESCRIPTOR.services_by_name["SessionService"], sessions),
        (agent_service_pb2.DESCRIPTOR.services_by_name["AgentService"], agents),
        (task_service_pb2.DESCRIPTOR.services_by_name["TaskService"], tasks),
        (event_service_pb2.DESCRIPTOR.services_by_name["EventService"], events),
        (system_service_pb2.DESCRIPTOR.services_by_name["SystemService"], system),
    ]
