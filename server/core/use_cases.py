"""The use cases, together: what every API is built over."""

from __future__ import annotations

from dataclasses import dataclass

from server.core.agents.health import AgentHealthChecks
from server.core.agents.performance import AgentPerformance
from server.core.agents.registry import AgentRegistry
from server.core.coding.assignments import Assignments
from server.core.coding.checkpoints import Checkpoints
from server.core.coding.relations import TaskRelations
from server.core.coding.sessions import CodingSessions
from server.core.coding.tasks import CodingTasks
from server.core.events.audit_log import AuditLog
from server.core.events.stream import EventStreams
from server.core.identity.oauth_clients import OAuthClients
from server.core.knowledge.documents import Documents
from server.core.knowledge.search import KnowledgeSearch
from server.core.monitoring.health import HealthChecks
from server.core.monitoring.task_metrics import TaskMetrics
from server.core.notifications.inbox import Inbox
from server.core.sessions.lifecycle import Sessions
from server.core.sessions.statistics import SessionStatistics
from server.core.shared.audit import Audit
from server.core.shared.names import Names
from server.core.tasks.commands import TaskCommands
from server.core.tasks.queries import TaskQueries
from server.core.webhooks.deliveries import Deliveries
from server.core.webhooks.registry import Webhooks
from server.core.workers.agent_heartbeats import AgentHeartbeats
from server.core.workers.hub import WorkerHub
from server.core.workers.registry import WorkerRegistry
from server.core.workers.reports import WorkerReports
from server.core.workflows.definitions import WorkflowDefinitions
from server.core.workflows.runs import WorkflowRuns
from server.store.blobs import Blobs


@dataclass(frozen=True, slots=True, kw_only=True)
class UseCases:
    """One of each."""

    agents: AgentRegistry
    agent_health: AgentHealthChecks
    agent_heartbeats: AgentHeartbeats
    agent_performance: AgentPerformance
    assignments: Assignments
    audit: Audit
    audit_log: AuditLog
    checkpoints: Checkpoints
    coding_sessions: CodingSessions
    coding_tasks: CodingTasks
    blobs: Blobs
    documents: Documents
    deliveries: Deliveries
    events: EventStreams
    health: HealthChecks
    inbox: Inbox
    knowledge_search: KnowledgeSearch
    names: Names
    oauth_clients: OAuthClients
    sessions: Sessions
    session_statistics: SessionStatistics
    tasks: TaskCommands
    task_metrics: TaskMetrics
    task_queries: TaskQueries
    task_relations: TaskRelations
    webhooks: Webhooks
    workers: WorkerRegistry
    worker_hub: WorkerHub
    worker_reports: WorkerReports
    workflows: WorkflowDefinitions
    workflow_runs: WorkflowRuns
