"""The Industrial API, on the orchestra port below /api/v1, with its sockets below /ws and its probes."""

from orchestrator.industrial.v1 import (
    agent_service_pb2,
    event_service_pb2,
    session_service_pb2,
    system_service_pb2,
    task_service_pb2,
)

from server.apikit.api import Api
from server.apikit.cors import Origins
from server.apis.industrial.agents import AgentServicer
from server.apis.industrial.events import EventServicer
from server.apis.industrial.sessions import SessionServicer
from server.apis.industrial.shape import render_error
from server.apis.industrial.system import SystemServicer
from server.apis.industrial.tasks import TaskServicer
from server.core.use_cases import UseCases


def industrial_api(
    use_cases: UseCases, *, burst_per_minute: int, sockets_per_key: int, slow_after: int, origins: Origins
) -> Api:
    """The API over these use cases; a key may make `burst_per_minute` requests a minute and have so many sockets.

    In development callers need no credential; web pages must be from one of `origins`.
    """
    system = SystemServicer(use_cases.health)
    sessions = SessionServicer(
        use_cases.sessions,
        use_cases.session_statistics,
        use_cases.coding_sessions,
        use_cases.checkpoints,
        use_cases.task_queries,
    )
    agents = AgentServicer(use_cases.agent_heartbeats, use_cases.agent_performance, use_cases.assignments)
    tasks = TaskServicer(use_cases.coding_tasks, use_cases.assignments, use_cases.task_queries, use_cases.sessions)
    events = EventServicer(
        use_cases.events,
        use_cases.session_statistics.counted,
        use_cases.agents.get,
        use_cases.agent_performance,
        system.health,
        sockets_per_client=sockets_per_key,
        slow_after=slow_after,
    )
    return Api(
        name="industrial",
        services=[
            (session_service_pb2.DESCRIPTOR.services_by_name["SessionService"], sessions),
            (agent_service_pb2.DESCRIPTOR.services_by_name["AgentService"], agents),
            (task_service_pb2.DESCRIPTOR.services_by_name["TaskService"], tasks),
            (event_service_pb2.DESCRIPTOR.services_by_name["EventService"], events),
            (system_service_pb2.DESCRIPTOR.services_by_name["SystemService"], system),
        ],
        render_error=render_error,
        burst_per_minute=burst_per_minute,
        hourly=False,
        guests=True,
        origins=origins,
    )
