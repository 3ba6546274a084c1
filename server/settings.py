"""Settings: from flags, else the environment, else defaults that need nothing installed."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_settings import SettingsConfigDict

from server.listening import ListeningSettings
from server.model_settings import ModelSettings
from server.postgres_address import SCHEMES, connection_arguments

_ORIGIN = re.compile(r"https?://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:\d{1,5}|:\*)?")
_OWN_PAGES = ("http://localhost:*", "https://localhost:*", "http://127.0.0.1:*", "https://127.0.0.1:*")


class ApiSettings(BaseModel):
    """One API's; None is what its declaration says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    # Requests of a key, beside the hourly figure where that counts.
    requests_per_minute: int | None = Field(None, ge=1)
    # WebSockets of a key at a time, and its streams of events, in each server process; at least 5,000 without quotas.
    sockets_per_key: int | None = Field(None, ge=1)
    streams_per_key: int | None = Field(None, ge=1)


class Settings(ModelSettings, ListeningSettings):
    """Every setting. The environment variable is the name in capitals, such as DATABASE_URL."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True)

    environment: Literal["development", "staging", "production"] = "development"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    # Signs access tokens. Must be set outside development, and be the same for all processes; in development it is made
    # where it is empty, and kept in the data folder.
    api_secret_key: str = ""
    # What it was before, so that what was sealed with it can be read, and is sealed anew when it is used.
    api_secret_key_previous: str = ""

    # Everything that is kept on this machine.
    data_dir: Path = Path("data")
    # `postgresql://…`, or `sqlite:///path`; a file in the data folder when empty.
    database_url: str = ""
    # The most connections that a server process opens to PostgreSQL, beside the one that listens.
    database_connections: int = Field(16, ge=2, le=1000)
    # How long a statement may take there before it is given up. One to which nobody answers takes two seconds longer.
    database_timeout_seconds: float = Field(10.0, ge=1, le=600)
    # Shares quotas between processes.
    redis_url: str = ""
    # Where uploaded files are: `s3://bucket/prefix`, with the usual variables of AWS; in the data folder when empty.
    blob_url: str = ""

    # Search by sentence vectors, too: where all that it needs is installed, always, or never. The model's folder, as
    # sentence-transformers has them; the installed package's when empty. Megabytes of vectors in each process's memory.
    semantic_search: Literal["auto", "on", "off"] = "auto"
    semantic_model: str = ""
    semantic_memory_mb: int = Field(512, ge=16)

    # Which web pages may call: their origins, with commas between them, such as `https://app.example.com`; the port may
    # be `*`. `none` for none. Where it is empty, pages of this machine in development, and none outside.
    cors_origins: str = ""
    # Where browsers and OAuth clients reach port 3000, such as `https://api.example.com`; empty for the documented
    # hosts, and for this machine.
    public_url: str = ""
    # Server processes on this machine.
    workers: int = Field(1, ge=1, le=64)

    # What a monitor sends as a bearer to read the metrics of everybody; none does where it is empty.
    metrics_token: str = ""

    # Quotas; no_quotas lifts them all and is refused outside development.
    no_quotas: bool = False
    requests_per_hour: int = Field(1000, ge=1)
    # A group for each API, by what is before the names of its variables, as in INDUSTRIAL_REQUESTS_PER_MINUTE.
    apis: Mapping[str, ApiSettings] = Field(default_factory=dict)
    open_sessions: int = Field(10, ge=1)
    # Logins, registrations and resets from an address; each costs the hash of a password. Any without quotas.
    logins_per_minute: int = Field(60, ge=1)
    # Whether strangers may register, each with an organization of his own; otherwise by invitation alone.
    open_registration: bool = True

    # How long a claimed task may go without a sign of life before it returns to the queue.
    lease_seconds: float = Field(15.0, gt=0)
    # How many lost leases fail a task.
    max_attempts: int = Field(3, ge=1)
    # Workers that an agent may have at a time. Any number without quotas.
    workers_per_agent: int = Field(1000, ge=1)
    # How long a worker may go without a sign of life before it counts as lost.
    worker_silent_seconds: float = Field(30.0, gt=0)
    # The same for an agent that sends heartbeats, which keeps its tasks for so long after each.
    agent_silent_seconds: float = Field(300.0, gt=0)
    # Coding sessions of an organization that run at a time; others wait for their turn. Any number without quotas.
    running_sessions: int = Field(100, ge=1)
    # Deployed code: runs at a time, sandboxes kept ready, and the bounds of one run.
    sandbox_concurrency: int = Field(4, ge=1)
    sandbox_prewarmed: int = Field(4, ge=0)
    sandbox_memory_mb: int = Field(512, ge=64)
    sandbox_disk_mb: int = Field(64, ge=1)
    # Runs deployed code as a plain child process. Only for code that you would run by hand.
    allow_unsandboxed: bool = False
    # How long `execute` waits for a result; the gateway's own limit lies above it.
    execute_wait_seconds: float = Field(55.0, gt=0, le=55)

    # Chat: how long an answer may take, how long a request waits for one, how long one goes on that nobody asks for (0
    # for ever), and how many a process gives at a time; and how many tasks language models do at a time in each.
    answer_seconds: float = Field(300.0, gt=0, le=3600)
    chat_wait_seconds: float = Field(60.0, gt=0, le=60)
    answer_abandoned_seconds: float = Field(180.0, ge=0, le=86_400)
    answers_at_once: int = Field(200, ge=1, le=5000)
    model_tasks_at_once: int = Field(100, ge=1, le=5000)

    # Streams at a time, in each server process: of events, of workers, and those behind WebSockets.
    open_streams: int = Field(10_000, ge=1)
    # WebSocket connections at a time, in each server process.
    socket_connections: int = Field(10_000, ge=1)
    # How many events a socket's reader may lag behind before it is told so.
    slow_consumer_events: int = Field(10_000, ge=1)

    # Alerts: when more than so many tasks wait, the oldest for so long, and ever more of them; when so many per cent of
    # at least so many tasks fail within five minutes; and when the disk with the data folder is so full.
    queue_alert_tasks: int = Field(100, ge=1)
    queue_alert_seconds: float = Field(60.0, gt=0)
    error_alert_percent: float = Field(50.0, gt=0, le=100)
    error_alert_tasks: int = Field(20, ge=1)
    disk_alert_percent: float = Field(90.0, gt=0, le=100)

    # Webhooks: how long an attempt may take in all, and whether receivers may have addresses that are not public.
    webhook_timeout_seconds: float = Field(15.0, gt=0, le=60)
    webhook_allow_private: bool = False

    # Mail to people: the server that takes it, and as whom; none is sent without one.
    smtp_host: str = ""
    smtp_port: int = Field(587, ge=1, le=65535)
    smtp_username: str = ""
    smtp_password: str = ""
    smtp_from: str = "Orchestrator <orchestrator@localhost>"
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    # The page of yours where people set a password that they have forgotten; that of this server where it is empty.
    password_reset_url: str = ""
    # How long people's notifications are kept, read or not.
    notification_days: float = Field(90.0, gt=0)

    # How long events, with what was delivered of them, and idempotency keys are kept.
    event_retention_hours: float = Field(168.0, gt=0)
    idempotency_hours: float = Field(24.0, gt=0)
    heartbeat_seconds: float = Field(15.0, gt=0)  # Idle streams get a sign of life this often.
    # How long running calls may take to finish after SIGTERM.
    shutdown_seconds: float = Field(10.0, ge=0)

    @model_validator(mode="before")
    @classmethod
    def _by_api(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Groups variables by what stands before their names: which APIs there are is not known here."""
        groups: dict[str, dict[str, str]] = {}
        for variable, value in os.environ.items():
            for name in ApiSettings.model_fields:
                group, found, rest = variable.lower().rpartition(name)
                if found and not rest and (not group or group.endswith("_")):
                    groups.setdefault(group.removesuffix("_"), {})[name] = value
        return {"apis": groups, **given}

    @model_validator(mode="after")
    def _outside_development(self) -> Settings:
        if self.api_secret_key and len(self.api_secret_key.strip()) < 32:
            raise ValueError("API_SECRET_KEY must have at least 32 characters")
        if self.metrics_token and len(self.metrics_token.strip()) < 16:
            raise ValueError("METRICS_TOKEN must have at least 16 characters")
        if self.environment != "development":
            if not self.api_secret_key:
                raise ValueError("API_SECRET_KEY must be set to at least 32 characters outside development")
            if self.no_quotas:
                raise ValueError("--no-quotas is refused outside development")
        return self

    @property
    def database(self) -> str:
        """The database's address, `postgresql://…` or `sqlite:///path`."""
        return self.database_url or f"sqlite:///{self.data_dir.resolve() / 'orchestrator.db'}"

    @property
    def origins(self) -> tuple[str, ...]:
        """The origins of web pages that may call; a port of `*` stands for any, and for none."""
        given = self.cors_origins.strip().lower()
        if not given:
            return _OWN_PAGES if self.environment == "development" else ()
        return () if given == "none" else tuple(each.strip() for each in given.split(",") if each.strip())

    @property
    def guest_key_path(self) -> Path | None:
        """Where the key is that callers without a credential act with; None outside development."""
        return self.key_path if self.environment == "development" else None

    @property
    def exposed(self) -> str:
        """What an operator must hear who lets others reach a server in development; empty where nobody else does."""
        if self.environment != "development" or self.for_this_machine:
            return ""
        return (
            f"WARNING: this is a development server, and {self.host} lets other machines reach it: its key can do "
            "everything, deployed code included. Set ENVIRONMENT=production, or leave out HOST and --host."
        )

    def api(self, group: str) -> ApiSettings:
        """What is set for an API."""
        return self.apis.get(group, ApiSettings())

    @property
    def stop_seconds(self) -> float:
        """After which a server process that was to stop is ended: running calls, running work, and all the rest."""
        return self.shutdown_seconds * 1.5 + 4

    @property
    def key_path(self) -> Path:
        """Where the development key is."""
        return self.data_dir / "dev-api-key"

    @property
    def secret_key_path(self) -> Path:
        """Where the secret is that signs access tokens in development."""
        return self.data_dir / "dev-secret-key"

    @property
    def run_dir(self) -> Path:
        """Sockets of this data folder's processes: elsewhere, because the path of a socket must be short."""
        digest = hashlib.sha256(str(self.data_dir.resolve()).encode()).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"orchestrator-{os.getuid()}-{digest}"

    @property
    def sqlite_path(self) -> Path | None:
        """The database's file, or None where it is not SQLite."""
        return Path(self.database.removeprefix("sqlite:///")) if self.database.startswith("sqlite:///") else None

    @model_validator(mode="after")
    def _known_origins(self) -> Settings:
        for each in self.origins:
            if not _ORIGIN.fullmatch(each):
                raise ValueError(
                    f"CORS_ORIGINS: {each} is no origin such as https://app.example.com or http://host:3000"
                )
        return self

    @model_validator(mode="after")
    def _known_database(self) -> Settings:
        scheme = self.database.partition("://")[0]
        if scheme not in SCHEMES and not self.database.startswith("sqlite:///"):
            raise ValueError("DATABASE_URL must start with sqlite:/// or postgresql://")
        if scheme in SCHEMES:
            connection_arguments(self.database)
        if self.blob_url and not self.blob_url.startswith("s3://"):
            raise ValueError("BLOB_URL must start with s3://")
        if self.redis_url and not self.redis_url.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("REDIS_URL must start with redis://, rediss:// or unix://")
        return self
