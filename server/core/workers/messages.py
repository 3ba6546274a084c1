"""What a connected worker is told."""

from __future__ import annotations

from dataclasses import dataclass

from server.core.queue.fencing import StaleLease
from server.core.workers.consumer import LeaseName
from server.core.workers.reports import NotCancelled
from server.model import Task, Worker


@dataclass(frozen=True, slots=True)
class Welcomed:
    """The connection has begun; `lost` are leases that the worker named and no longer has."""

    worker: Worker
    held: list[LeaseName]
    lost: list[LeaseName]


@dataclass(frozen=True, slots=True)
class Given:
    """New leases."""

    tasks: list[Task]


@dataclass(frozen=True, slots=True)
class CancelAsked:
    """Somebody asks to cancel."""

    task_id: str
    attempt: int
    grace_seconds: float


@dataclass(frozen=True, slots=True)
class Accepted:
    """These leases have ended as the worker said."""

    leases: list[LeaseName]


@dataclass(frozen=True, slots=True)
class Refused:
    """What the worker said is not taken."""

    task_id: str
    attempt: int
    error: StaleLease | NotCancelled


@dataclass(frozen=True, slots=True)
class LeaseLost:
    """The worker no longer has this lease."""

    task_id: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Alive:
    """A heartbeat is recorded."""

    now: int


Notice = Welcomed | Given | CancelAsked | Accepted | Refused | LeaseLost | Alive
