"""The use cases over a store: one of each, made of what a server process has one of."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from server.core.agents.directory import AgentDirectory
from server.core.agents.health import AgentHealthChecks
from server.core.agents.history import AgentHistory
from server.core.agents.performance import AgentPerformance
from server.core.agents.registry import AgentRegistry
from server.core.chat.answers import ChatAnswers
from server.core.chat.attention import Attention
from server.core.chat.conversations import Conversations
from server.core.chat.ending import answer_ended
from server.core.chat.following import AnswerStreams
from server.core.chat.live import LiveAnswers
from server.core.coding.assignments import Assignments
from server.core.coding.checkpoints import Checkpoints
from server.core.coding.relations import TaskRelations
from server.core.coding.sessions import CodingSessions
from server.core.coding.tasks import CodingTasks
from server.core.discussion.comments import TaskComments
from server.core.discussion.files import TaskFiles
from server.core.discussion.ratings import Ratings
from server.core.events.audit_log import AuditLog
from server.core.events.stream import EventStreams
from server.core.identity.access_tokens import AccessTokens
from server.core.identity.attempts import Attempts
from server.core.identity.authorization_codes import AuthorizationCodes
from server.core.identity.client_tokens import ClientTokens
from server.core.identity.logins import Logins
from server.core.identity.oauth_clients import OAuthClients
from server.core.identity.passwords import Passwords
from server.core.identity.signing_keys import SigningKeys
from server.core.knowledge.documents import Documents
from server.core.knowledge.search import KnowledgeSearch
from server.core.knowledge.vectors import Nearest
from server.core.models.budgets import Budgets
from server.core.models.ledger import Ledger
from server.core.models.port import Models, NoModels
from server.core.models.prices import Prices
from server.core.models.usage import Usages
from server.core.monitoring.health import HealthChecks
from server.core.monitoring.metrics import Metrics
from server.core.monitoring.recent_lines import RecentLines
from server.core.monitoring.scrape import Scrapes
from server.core.monitoring.system_logs import SystemLogs
from server.core.monitoring.system_status import SystemStatuses
from server.core.monitoring.task_metrics import TaskMetrics
from server.core.monitoring.traffic import Traffic
from server.core.notifications.inbox import Inbox
from server.core.people.avatars import Avatars
from server.core.people.invitations import Invitations
from server.core.people.password_change import PasswordChange
from server.core.people.password_reset import PasswordResets
from server.core.people.personal_keys import PersonalKeys
from server.core.people.registration import Registration
from server.core.people.users import Users
from server.core.projects.registry import Projects
from server.core.queue.claims import Claims
from server.core.queue.lease_service import LeaseService
from server.core.sessions.lifecycle import Sessions
from server.core.sessions.statistics import SessionStatistics
from server.core.shared.audit import Audit
from server.core.shared.count_cache import CountCache
from server.core.shared.names import Names
from server.core.shared.sealing import Sealer
from server.core.tasks.commands import TaskCommands
from server.core.tasks.editing import TaskEditing
from server.core.tasks.history import TaskHistory
from server.core.tasks.moves import TaskMoves
from server.core.tasks.queries import TaskQueries
from server.core.tasks.search import TaskSearch
from server.core.tasks.text_index import index_task
from server.core.tasks.waiting import TaskWaiting
from server.core.use_cases import UseCases
from server.core.webhooks.addresses import AddressGuard
from server.core.webhooks.deliveries import Deliveries
from server.core.webhooks.registry import Webhooks
from server.core.webhooks.seals import Seals
from server.core.webhooks.wording import Wording
from server.core.workers.agent_heartbeats import AgentHeartbeats
from server.core.workers.hub import WorkerHub
from server.core.workers.registry import WorkerRegistry
from server.core.workers.reports import WorkerReports
from server.core.workflows import progression
from server.core.workflows.definitions import WorkflowDefinitions
from server.core.workflows.runs import WorkflowRuns
from server.settings import Settings
from server.store.blobs import Blobs
from server.store.database import Database
from server.store.feed import Feeds

CALL_MARGIN_SECONDS = 60.0


def connect_domains(database: Database) -> None:
    """What domains do in the transactions of others."""
    database.hooks.step_ended.append(progression.advance)
    database.hooks.answer_ended.append(answer_ended)
    database.hooks.task_recurred.append(index_task)


def _reset_page(settings: Settings) -> str:
    """Where people set a password that they have forgotten: the operator's page, or ours; empty where nobody knows."""
    here = f"http://localhost:{settings.operations_port}" if settings.environment == "development" else ""
    ours = settings.public_url.rstrip("/") or here
    return settings.password_reset_url or (f"{ours}/oauth/password" if ours else "")


def use_cases(
    settings: Settings,
    database: Database,
    feeds: Feeds,
    claims: Claims,
    leases: LeaseService,
    *,
    secret: str,
    tokens: AccessTokens,
    sealer: Sealer,
    addresses: AddressGuard,
    wordings: Sequence[Wording],
    nearest: Nearest | None,
    no_sandbox: Callable[[], str | None],
    traffic: Traffic | None = None,
    metrics: Metrics | None = None,
    lines: RecentLines | None = None,
    models: Models | None = None,
    live: LiveAnswers | None = None,
) -> UseCases:
    """All of them; `nearest` searches by vectors, if anybody does, and `no_sandbox` says why code cannot run, if so.

    `live` are the answers that are given in this process.
    """
    counts, models = CountCache(database), models or NoModels()
    agents = AgentRegistry(database, counts, no_sandbox=no_sandbox, models=models)
    reports = WorkerReports(database, leases)
    blobs = Blobs(settings.blob_url, settings.data_dir.resolve() / "blobs")
    quotas = not settings.no_quotas
    passwords = Passwords()
    signing_keys, seals = SigningKeys(database, sealer), Seals(database, sealer)
    attempts = Attempts(database, settings.logins_per_minute if quotas else None)
    logins = Logins(
        database, secret, signing_keys, passwords, attempts, development=settings.environment == "development"
    )
    prices = Prices.read(settings.model_prices)
    # A little longer than any call may take.
    ledger = Ledger(database, prices, call_seconds=settings.model_timeout_seconds + CALL_MARGIN_SECONDS)
    codes = AuthorizationCodes(database, logins)
    live = live or LiveAnswers()
    attention = Attention(database, seconds=settings.answer_abandoned_seconds)
    health = HealthChecks(
        database,
        redis_url=settings.redis_url,
        data_dir=settings.data_dir,
        queue_length=settings.queue_alert_tasks,
        queue_seconds=settings.queue_alert_seconds,
        no_sandbox=no_sandbox,
    )
    return UseCases(
        agents=agents,
        agent_directory=AgentDirectory(database),
        agent_history=AgentHistory(database),
        agent_health=AgentHealthChecks(database),
        agent_heartbeats=AgentHeartbeats(database, silent_seconds=settings.agent_silent_seconds, models=models),
        agent_performance=AgentPerformance(database),
        answer_streams=AnswerStreams(database, feeds, live, attention, heartbeat_seconds=settings.heartbeat_seconds),
        assignments=Assignments(database, lease_seconds=settings.agent_silent_seconds),
        attempts=attempts,
        avatars=Avatars(database),
        authorization_codes=codes,
        audit=Audit(database),
        audit_log=AuditLog(database),
        blobs=blobs,
        budgets=Budgets(database, ledger.forget),
        attention=attention,
        chat_answers=ChatAnswers(database, feeds, models, attention, live, seconds=settings.answer_seconds),
        checkpoints=Checkpoints(database),
        client_tokens=ClientTokens(database, logins, signing_keys),
        coding_sessions=CodingSessions(database, running=settings.running_sessions if quotas else None),
        coding_tasks=CodingTasks(database),
        conversations=Conversations(database, counts),
        documents=Documents(database, counts, blobs),
        deliveries=Deliveries(database, wordings),
        events=EventStreams(database, feeds, heartbeat_seconds=settings.heartbeat_seconds),
        health=health,
        invitations=Invitations(database, counts, secret),
        knowledge_search=KnowledgeSearch(database, nearest),
        ledger=ledger,
        logins=logins,
        inbox=Inbox(database),
        names=Names(database),
        oauth_clients=OAuthClients(database, tokens),
        password_change=PasswordChange(database, logins, passwords),
        password_resets=PasswordResets(
            database,
            secret,
            logins,
            passwords,
            attempts,
            mails=bool(settings.smtp_host),
            page=_reset_page(settings),
        ),
        personal_keys=PersonalKeys(database),
        registration=Registration(database, logins, passwords, attempts, is_open=settings.open_registration),
        models=models,
        prices=prices,
        projects=Projects(database, counts),
        ratings=Ratings(database),
        scrapes=Scrapes(database, health, metrics or Metrics()),
        sessions=Sessions(database, counts, open_sessions=settings.open_sessions if quotas else None),
        session_statistics=SessionStatistics(database),
        signing_keys=signing_keys,
        tasks=TaskCommands(database, agents),
        task_comments=TaskComments(database, counts),
        task_files=TaskFiles(database, counts, blobs),
        task_editing=TaskEditing(database),
        task_history=TaskHistory(database),
        system_logs=SystemLogs(database, lines if lines is not None else RecentLines()),
        system_statuses=SystemStatuses(database, traffic or Traffic(), environment=settings.environment),
        task_metrics=TaskMetrics(database),
        task_moves=TaskMoves(database),
        task_queries=TaskQueries(database, counts, feeds),
        task_relations=TaskRelations(database),
        usages=Usages(database),
        users=Users(database, counts, logins),
        task_search=TaskSearch(database, counts),
        task_waiting=TaskWaiting(database),
        webhooks=Webhooks(database, counts, addresses, seals, wordings),
        webhook_seals=seals,
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
