"""The use cases, together: what every API is built over."""

from __future__ import annotations

from dataclasses import dataclass

from server.core.agents import Agents
from server.core.clients import Clients
from server.core.coding_sessions import CodingSessions
from server.core.coding_tasks import CodingTasks
from server.core.connected_workers import ConnectedWorkers
from server.core.events import Events
from server.core.heartbeats import Heartbeats
from server.core.metrics import Metrics
from server.core.sessions import Sessions
from server.core.standing import Standings
from server.core.system import System
from server.core.tasks import Tasks
from server.core.workers import Workers
from server.core.workflow_runs import Runs
from server.core.workflows import Workflows


@dataclass(frozen=True, slots=True)
class UseCases:
    """One of each."""

    sessions: Sessions
    agents: Agents
    tasks: Tasks
    workers: Workers
    connected_workers: ConnectedWorkers
    events: Events
    clients: Clients
    workflows: Workflows
    runs: Runs
    system: System
    metrics: Metrics
    coding_sessions: CodingSessions
    coding_tasks: CodingTasks
    heartbeats: Heartbeats
    standings: Standings
