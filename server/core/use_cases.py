"""The use cases, together: what every API is built over."""

from __future__ import annotations

from dataclasses import dataclass

from server.core.agents.directory import AgentDirectory
from server.core.agents.health import AgentHealthChecks
from server.core.agents.history import AgentHistory
from server.core.agents.performance import AgentPerformance
from server.core.agents.registry import AgentRegistry
from server.core.chat.answers import ChatAnswers
from server.core.chat.attention import Attention
from server.core.chat.conversations import Conversations
from server.core.chat.following import AnswerStreams
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
from server.core.identity.attempts import Attempts
from server.core.identity.authorization_codes import AuthorizationCodes
from server.core.identity.client_tokens import ClientTokens
from server.core.identity.logins import Logins
from server.core.identity.oauth_clients import OAuthClients
from server.core.identity.signing_keys import SigningKeys
from server.core.knowledge.documents import Documents
from server.core.knowledge.search import KnowledgeSearch
from server.core.models.budgets import Budgets
from server.core.models.ledger import Ledger
from server.core.models.port import Models
from server.core.models.prices import Prices
from server.core.models.usage import Usages
from server.core.monitoring.health import HealthChecks
from server.core.monitoring.scrape import Scrapes
from server.core.monitoring.system_logs import SystemLogs
from server.core.monitoring.system_status import SystemStatuses
from server.core.monitoring.task_metrics import TaskMetrics
from server.core.notifications.inbox import Inbox
from server.core.people.avatars import Avatars
from server.core.people.invitations import Invitations
from server.core.people.password_change import PasswordChange
from server.core.people.password_reset import PasswordResets
from server.core.people.personal_keys import PersonalKeys
from server.core.people.registration import Registration
from server.core.people.users import Users
from server.core.projects.registry import Projects
from server.core.sessions.lifecycle import Sessions
from server.core.sessions.statistics import SessionStatistics
from server.core.shared.audit import Audit
from server.core.shared.names import Names
from server.core.tasks.commands import TaskCommands
from server.core.tasks.editing import TaskEditing
from server.core.tasks.history import TaskHistory
from server.core.tasks.moves import TaskMoves
from server.core.tasks.queries import TaskQueries
from server.core.tasks.search import TaskSearch
from server.core.tasks.waiting import TaskWaiting
from server.core.webhooks.deliveries import Deliveries
from server.core.webhooks.registry import Webhooks
from server.core.webhooks.seals import Seals
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
    agent_directory: AgentDirectory
    agent_history: AgentHistory
    agent_health: AgentHealthChecks
    agent_heartbeats: AgentHeartbeats
    agent_performance: AgentPerformance
    answer_streams: AnswerStreams
    assignments: Assignments
    attempts: Attempts
    avatars: Avatars
    attention: Attention
    audit: Audit
    audit_log: AuditLog
    chat_answers: ChatAnswers
    checkpoints: Checkpoints
    client_tokens: ClientTokens
    coding_sessions: CodingSessions
    coding_tasks: CodingTasks
    conversations: Conversations
    authorization_codes: AuthorizationCodes
    blobs: Blobs
    budgets: Budgets
    documents: Documents
    deliveries: Deliveries
    events: EventStreams
    health: HealthChecks
    invitations: Invitations
    knowledge_search: KnowledgeSearch
    ledger: Ledger
    logins: Logins
    inbox: Inbox
    names: Names
    oauth_clients: OAuthClients
    password_change: PasswordChange
    password_resets: PasswordResets
    personal_keys: PersonalKeys
    registration: Registration
    models: Models
    prices: Prices
    projects: Projects
    ratings: Ratings
    scrapes: Scrapes
    sessions: Sessions
    session_statistics: SessionStatistics
    signing_keys: SigningKeys
    tasks: TaskCommands
    task_comments: TaskComments
    task_files: TaskFiles
    task_editing: TaskEditing
    task_history: TaskHistory
    system_logs: SystemLogs
    system_statuses: SystemStatuses
    task_metrics: TaskMetrics
    task_moves: TaskMoves
    task_queries: TaskQueries
    task_relations: TaskRelations
    usages: Usages
    users: Users
    task_search: TaskSearch
    task_waiting: TaskWaiting
    webhooks: Webhooks
    webhook_seals: Seals
    workers: WorkerRegistry
    worker_hub: WorkerHub
    worker_reports: WorkerReports
    workflows: WorkflowDefinitions
    workflow_runs: WorkflowRuns
