"""The use cases over a store: one of each, made of what a server process has one of."""

from __future__ import annotations

from collections.abc import Callable, Sequence

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
from server.core.identity.access_tokens import AccessTokens
from server.core.identity.oauth_clients import OAuthClients
from server.core.knowledge.documents import Documents
from server.core.knowledge.search import KnowledgeSearch
from server.core.monitoring.health import HealthChecks
from server.core.monitoring.task_metrics import TaskMetrics
from server.core.notifications.inbox import Inbox
from server.core.queue.claims import Claims
from server.core.queue.lease_service import LeaseService
from server.core.sessions.lifecycle import Sessions
from server.core.sessions.statistics import SessionStatistics
from server.core.shared.audit import Audit
from server.core.shared.count_cache import CountCache
from server.core.shared.names import Names
from server.core.tasks.commands import TaskCommands
from server.core.tasks.queries import TaskQueries
from server.core.use_cases import UseCases
from server.core.webhooks.addresses import AddressGuard
from server.core.webhooks.deliveries import Deliveries
from server.core.webhooks.registry import Webhooks
from server.core.webhooks.sealing import Sealer
from server.core.webhooks.wording import Wording
from server.core.workers.agent_heartbeats import AgentHeartbeats
from server.core.workers.hub import WorkerHub
from server.core.workers.registry import WorkerRegistry
from server.core.workers.reports import WorkerReports
from server.core.workflows.definitions import WorkflowDefinitions
from server.core.workflows.runs import WorkflowRuns
from server.settings import Settings
from server.store.blobs import Blobs
from server.store.database import Database
from server.store.feed import Feeds


def use_cases(
    settings: Settings,
    database: Database,
    feeds: Feeds,
    claims: Claims,
    leases: LeaseService,
    *,
    tokens: AccessTokens,
    sealer: Sealer,
    addresses: AddressGuard,
    wordings: Sequence[Wording],
    no_sandbox: Callable[[], str | None],
) -> UseCases:
    """All of them; `no_sandbox` says why deployed code cannot run here, if it cannot."""
    counts = CountCache(database)
    agents = AgentRegistry(database, counts, no_sandbox=no_sandbox)
    reports = WorkerReports(database, leases)
    blobs = Blobs(settings.blob_url, settings.data_dir.resolve() / "blobs")
    quotas = not settings.no_quotas
    return UseCases(
        agents=agents,
        agent_health=AgentHealthChecks(database),
        agent_heartbeats=AgentHeartbeats(database, silent_seconds=settings.agent_silent_seconds),
        agent_performance=AgentPerformance(database),
        assignments=Assignments(database, lease_seconds=settings.agent_silent_seconds),
        audit=Audit(database),
        audit_log=AuditLog(database),
        blobs=blobs,
        checkpoints=Checkpoints(database),
        coding_sessions=CodingSessions(database, running=settings.running_sessions if quotas else None),
        coding_tasks=CodingTasks(database),
        documents=Documents(database, counts, blobs),
        deliveries=Deliveries(database, wordings),
        events=EventStreams(database, feeds, heartbeat_seconds=settings.heartbeat_seconds),
        health=HealthChecks(
            database,
            redis_url=settings.redis_url,
            data_dir=settings.data_dir,
            queue_length=settings.queue_alert_tasks,
            queue_seconds=settings.queue_alert_seconds,
            no_sandbox=no_sandbox,
        ),
        inbox=Inbox(database),
        knowledge_search=KnowledgeSearch(database),
        names=Names(database),
        oauth_clients=OAuthClients(database, tokens),
        sessions=Sessions(database, counts, open_sessions=settings.open_sessions if quotas else None),
        session_statistics=SessionStatistics(database),
        tasks=TaskCommands(database, agents),
        task_metrics=TaskMetrics(database),
        task_queries=TaskQueries(database, counts, feeds),
        task_relations=TaskRelations(database),
        webhooks=Webhooks(database, counts, addresses, sealer, wordings),
        workers=WorkerRegistry(
            database,
            leases,
            silent_seconds=settings.worker_silent_seconds,
            most=settings.workers_per_agent if quotas else None,
        ),
        worker_hub=WorkerHub(database, claims, reports, feeds, lease_seconds=settings.lease_seconds),
        worker_reports=reports,
        workflows=WorkflowDefinitions(database, counts),
        workflow_runs=WorkflowRuns(database, counts, feeds),
    )
