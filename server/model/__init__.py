"""Tables and the state machines of their rows."""

from sqlalchemy.orm import configure_mappers

from server.model.agents import Agent, AgentRuntime, AgentStatus, Skill, Worker, WorkerStatus
from server.model.events import EVENT_TYPES, Event, Feed
from server.model.idempotency import IdempotencyKey
from server.model.identity import ApiKey, OAuthClient, Organization, User
from server.model.knowledge import Chunk, ChunkVectors, Document, DocumentStatus, DocumentTag
from server.model.record import Record, new_id
from server.model.sessions import BY_HAND, MOVES, Checkpoint, Session, SessionCount, SessionKind, SessionStatus
from server.model.snapshots import resource_of
from server.model.system import Alert, Rollup
from server.model.tasks import (
    AGEING,
    CLAIMABLE,
    DUE,
    ENDED,
    HELD_BACK,
    RECURRING,
    TO_TELL,
    Attempt,
    Dependency,
    Priority,
    Task,
    TaskKind,
    TaskLog,
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
    "BY_HAND",
    "CLAIMABLE",
    "DUE",
    "ENDED",
    "EVENT_TYPES",
    "HELD_BACK",
    "LISTENING",
    "MOVES",
    "PENDING",
    "RECURRING",
    "TO_TELL",
    "UNDELIVERED",
    "WAITING",
    "Agent",
    "AgentRuntime",
    "AgentStatus",
    "Alert",
    "ApiKey",
    "Attempt",
    "Checkpoint",
    "Chunk",
    "ChunkVectors",
    "Delivery",
    "DeliveryAttempt",
    "DeliveryOrder",
    "DeliveryState",
    "Dependency",
    "DisabledReason",
    "Document",
    "DocumentStatus",
    "DocumentTag",
    "Event",
    "Feed",
    "IdempotencyKey",
    "OAuthClient",
    "Organization",
    "Priority",
    "Record",
    "Rollup",
    "RunStatus",
    "Session",
    "SessionCount",
    "SessionKind",
    "SessionStatus",
    "Skill",
    "Task",
    "TaskKind",
    "TaskLog",
    "TaskStatus",
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
