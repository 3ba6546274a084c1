"""The system in detail: what it is made of, who is connected, and where an organization's events stand."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Any

from sqlalchemy import bindparam, func, select

from server.core.monitoring.traffic import Recent, Traffic
from server.core.shared.call_context import Call
from server.model import Feed, Worker
from server.store.database import Database
from server.store.statement import Statement

_workers, _feeds = Worker.table().c, Feed.table().c
_WORKERS = Statement[Any](
    select(_workers.status, func.count())
    .where(_workers.organization_id == bindparam("organization"))
    .group_by(_workers.status)
)
_FEED = Statement[Any](select(_feeds.head, _feeds.trimmed).where(_feeds.organization_id == bindparam("organization")))
_DATABASE = Statement[Any](select(func.current_setting("server_version")), on_sqlite=select(func.sqlite_version()))


@dataclass(frozen=True, slots=True)
class SystemStatus:
    """What a process knows of itself, and what an organization has."""

    versions: Mapping[str, str]
    database: str
    # Of this process.
    connections: int
    streams: int
    traffic: Recent
    # By their status.
    workers: Mapping[str, int]
    # The number of the organization's newest event, and up to which they have been removed.
    head: int
    trimmed: int


class SystemStatuses:
    """Looks, when somebody asks."""

    def __init__(self, database: Database, traffic: Traffic, *, environment: str) -> None:
        self._database = database
        self._traffic = traffic
        self.environment = environment

    def traffic(self) -> Recent:
        """The calls of the last minutes, of everybody."""
        return self._traffic.recent()

    def connections(self) -> int:
        """How many connections this process has to the database."""
        return self._database.connections()

    async def status(self, call: Call) -> SystemStatus:
        """Everything, with what the caller's organization has."""
        organization = call.organization_id
        workers = {row[0]: row[1] for row in await self._database.scan(_WORKERS, organization=organization)}
        feed = await self._database.one(_FEED, organization=organization)
        database = await self._database.one(_DATABASE)
        return SystemStatus(
            versions={**versions(), self._database.dialect: database[0] if database is not None else ""},
            database=self._database.dialect,
            connections=self._database.connections(),
            streams=self._traffic.open_streams(),
            traffic=self._traffic.recent(),
            workers=workers,
            head=feed[0] if feed is not None else 0,
            trimmed=feed[1] if feed is not None else 0,
        )


@cache
def versions() -> Mapping[str, str]:
    """Of the server and of what it stands on."""
    known = {name: version(name) for name in ("grpcio", "protobuf")}
    return {"server": version("orchestrator"), "python": platform.python_version(), **known}
