"""The Industrial API, on the orchestra port below /api/v1, with its sockets below /ws and its probes."""

from orchestrator.industrial.v1 import (
    agent_service_pb2,
    event_service_pb2,
    session_service_pb2,
    system_service_pb2,
    task_service_pb2,
)

from server.apis.api import Api
from server.apis.industrial.agents import AgentServicer
from server.apis.industrial.events import EventServicer
from server.apis.industrial.sessions import SessionServicer
from server.apis.industrial.shape import render_error
from server.apis.industrial.system import SystemServicer
from server.apis.industrial.tasks import TaskServicer
from server.core.origins import Origins
from server.core.use_cases import UseCases


def industrial_api(
    use_cases: UseCases, *, burst_per_minute: int, sockets_per_key: int, slow_after: int, origins: Origins
) -> Api:
    """The API over these use cases; a key may make `burst_per_minute` requests a minute and have so many sockets.

    In development callers need no credential; web pages must be from one of `origins`.
    """
    system = SystemServicer(use_cases.system)
    sessions = SessionServicer(use_cases.sessions, use_cases.coding_sessions, use_cases.tasks)
    agents = AgentServicer(use_cases.heartbeats, use_cases.standings, use_cases.coding_tasks)
    tasks = TaskServicer(use_cases.tasks, use_cases.coding_tasks, use_cases.sessions)
    events = EventServicer(
        use_cases.events,
        use_cases.coding_sessions.counted,
        use_cases.agents.get,
        use_cases.standings,
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
