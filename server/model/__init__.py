"""Tables and the state machines of their rows."""

from sqlalchemy.orm import configure_mappers

from server.model.agents import Agent, AgentRuntime, AgentStatus, Duty, Skill, Worker, WorkerStatus
from server.model.chat import AWAITED, GOING_ON, OPEN_ANSWER, Answer, AnswerPieces, AnswerStatus, Conversation
from server.model.discussion import Comment, Rating, TaskFile
from server.model.events import EVENT_TYPES, PERSONAL, TOLD_TO, Event, Feed
from server.model.identity import ApiKey, Avatar, OAuthClient, Organization, Role, Tier, User
from server.model.knowledge import Chunk, ChunkVectors, Document, DocumentStatus, DocumentTag
from server.model.logins import AuthorizationCode, FailedLogins, Invitation, Login, RefreshToken, SigningKey
from server.model.notifications import AuditEntry, LogEntry, Notification, NotificationCursor
from server.model.projects import PROJECT_MOVES, Project, ProjectAgent, ProjectMember, ProjectStatus
from server.model.record import Record, new_id
from server.model.sessions import BY_HAND, MOVES, Checkpoint, Session, SessionCount, SessionKind, SessionStatus
from server.model.snapshots import resource_of
from server.model.system import Alert, IdempotencyKey, Rollup
from server.model.task_records import Attempt, Dependency, PastChange, TaskLanguage, TaskLog, TaskTag, UnindexedTask
from server.model.tasks import (
    AGEING,
    CLAIMABLE,
    DUE,
    ENDED,
    HELD_BACK,
    RECURRING,
    TO_TELL,
    Priority,
    Task,
    TaskKind,
    TaskStatus,
)
from server.model.webhooks import (
    LISTENING,
    PENDING,
    UNDELIVERED,
    WAITING,
    Delivery,
    DeliveryAttempt,
    DeliveryOrder,
    DeliveryState,
    DisabledReason,
    Webhook,
)
from server.model.workflows import RunStatus, Workflow, WorkflowRun, WorkflowStatus

configure_mappers()

__all__ = [
    "AGEING",
    "AWAITED",
    "BY_HAND",
    "CLAIMABLE",
    "DUE",
    "ENDED",
    "EVENT_TYPES",
    "GOING_ON",
    "HELD_BACK",
    "LISTENING",
    "MOVES",
    "OPEN_ANSWER",
    "PENDING",
    "PERSONAL",
    "PROJECT_MOVES",
    "RECURRING",
    "TOLD_TO",
    "TO_TELL",
    "UNDELIVERED",
    "WAITING",
    "Agent",
    "AgentRuntime",
    "AgentStatus",
    "Alert",
    "Answer",
    "AnswerPieces",
    "AnswerStatus",
    "ApiKey",
    "Attempt",
    "AuditEntry",
    "AuthorizationCode",
    "Avatar",
    "Checkpoint",
    "Chunk",
    "ChunkVectors",
    "Comment",
    "Conversation",
    "Delivery",
    "DeliveryAttempt",
    "DeliveryOrder",
    "DeliveryState",
    "Dependency",
    "DisabledReason",
    "Document",
    "DocumentStatus",
    "DocumentTag",
    "Duty",
    "Event",
    "FailedLogins",
    "Feed",
    "IdempotencyKey",
    "Invitation",
    "LogEntry",
    "Login",
    "Notification",
    "NotificationCursor",
    "OAuthClient",
    "Organization",
    "PastChange",
    "Priority",
    "Project",
    "ProjectAgent",
    "ProjectMember",
    "ProjectStatus",
    "Rating",
    "Record",
    "RefreshToken",
    "Role",
    "Rollup",
    "RunStatus",
    "Session",
    "SessionCount",
    "SessionKind",
    "SessionStatus",
    "SigningKey",
    "Skill",
    "Task",
    "TaskFile",
    "TaskKind",
    "TaskLanguage",
    "TaskLog",
    "TaskStatus",
    "TaskTag",
    "Tier",
    "UnindexedTask",
    "User",
    "Webhook",
    "Worker",
    "WorkerStatus",
    "Workflow",
    "WorkflowRun",
    "WorkflowStatus",
    "new_id",
    "resource_of",
]
