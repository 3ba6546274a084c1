"""The peer: the sessions resource as a FastAPI program over SQLModel and aiosqlite, written the way its manual says."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import sqlmodel
from fastapi import Depends, FastAPI, HTTPException, Query
from pydantic import BaseModel, Field
from sqlalchemy import Index, event, func, text
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlmodel import SQLModel, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

PRAGMAS = (
    "journal_mode = WAL",
    "synchronous = NORMAL",
    "foreign_keys = ON",
    "temp_store = MEMORY",
    "cache_size = -65536",
    "busy_timeout = 5000",
)


class Session(SQLModel, table=True):
    """A row: the columns of our own sessions table that this resource needs, with times as datetimes."""

    __tablename__ = "sessions"
    __table_args__ = (Index("sessions_live", "id", "deleted_at", sqlite_where=text("deleted_at IS NULL")),)

    id: str = sqlmodel.Field(primary_key=True)
    organization_id: str = ""
    name: str
    description: str = ""
    status: str = "created"
    timeout_seconds: int = 3600
    max_iterations: int = 100
    iterations: int = 0
    error: str = ""
    version: int = 1
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None = None
    completed_at: datetime | None = None
    expires_at: datetime
    deleted_at: datetime | None = None


class SessionConfig(BaseModel):
    """How a session is bounded."""

    timeout: int = Field(3600, ge=1, le=2_592_000)
    max_iterations: int = Field(100, ge=1, le=1_000_000)


class SessionIn(BaseModel):
    """The body of a create."""

    name: str = Field(min_length=1, max_length=200)
    description: str = Field("", max_length=2000)
    config: SessionConfig = SessionConfig()


class SessionOut(BaseModel):
    """A session as callers see it."""

    id: str
    name: str
    description: str
    status: str
    config: SessionConfig
    iterations: int
    error: str
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    expires_at: datetime

    @classmethod
    def of(cls, row: Session) -> SessionOut:
        """The answer for a row."""
        return cls(
            id=f"session_{row.id}",
            name=row.name,
            description=row.description,
            status=row.status,
            config=SessionConfig(timeout=row.timeout_seconds, max_iterations=row.max_iterations),
            iterations=row.iterations,
            error=row.error,
            created_at=row.created_at,
            updated_at=row.updated_at,
            started_at=row.started_at,
            completed_at=row.completed_at,
            expires_at=row.expires_at,
        )


class SessionPage(BaseModel):
    """One page of sessions."""

    sessions: list[SessionOut]
    total: int
    limit: int
    offset: int


engine = create_async_engine(f"sqlite+aiosqlite:///{os.environ['PEER_DATABASE']}")
make_session = async_sessionmaker(engine, class_=AsyncSession, expire_on_commit=False)


@event.listens_for(engine.sync_engine, "connect")
def _set_pragmas(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    for pragma in PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


async def database() -> AsyncIterator[AsyncSession]:
    """The database session of one request."""
    async with make_session() as session:
        yield session


Database = Annotated[AsyncSession, Depends(database)]


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """Makes the tables."""
    async with engine.begin() as connection:
        await connection.run_sync(SQLModel.metadata.create_all)
    yield
    await engine.dispose()


app = FastAPI(lifespan=lifespan)


@app.post("/v1/sessions", status_code=201, response_model=SessionOut, response_model_exclude_none=True)
async def create_session(body: SessionIn, database: Database) -> SessionOut:
    """Creates a session."""
    now = datetime.now(UTC)
    row = Session(
        # A UUIDv7, so that ids sort by time, as ours do.
        id=f"{time.time_ns() // 1_000_000:012x}7{secrets.token_hex(10)[:19]}",
        name=body.name,
        description=body.description,
        timeout_seconds=body.config.timeout,
        max_iterations=body.config.max_iterations,
        created_at=now,
        updated_at=now,
        expires_at=now + timedelta(seconds=body.config.timeout),
    )
    database.add(row)
    await database.commit()
    return SessionOut.of(row)


@app.get("/v1/sessions/{session_id}", response_model=SessionOut, response_model_exclude_none=True)
async def get_session(session_id: str, database: Database) -> SessionOut:
    """Returns one session."""
    row = await database.get(Session, session_id.removeprefix("session_"))
    if row is None or row.deleted_at is not None:
        raise HTTPException(404, "no such session")
    return SessionOut.of(row)


@app.get("/v1/sessions", response_model=SessionPage, response_model_exclude_none=True)
async def list_sessions(
    database: Database,
    limit: Annotated[int, Query(ge=1, le=100)] = 10,
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> SessionPage:
    """Returns sessions, newest first."""
    live = col(Session.deleted_at).is_(None)
    rows = await database.exec(select(Session).where(live).order_by(col(Session.id).desc()).limit(limit).offset(offset))
    total = await database.exec(select(func.count()).select_from(Session).where(live))
    return SessionPage(sessions=[SessionOut.of(row) for row in rows], total=total.one(), limit=limit, offset=offset)
