"""All the wiring: settings → store → core → work and APIs → the gRPC server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

import grpc
import structlog
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import SERVICE_NAME as HEALTH
from grpc_reflection.v1alpha import reflection

from server.apis import serving
from server.core.agents.health import AgentHealthChecks
from server.core.agents.performance import AgentPerformance
from server.core.agents.registry import AgentRegistry
from server.core.coding.assignments import Assignments
from server.core.coding.checkpoints import Checkpoints
from server.core.coding.relations import TaskRelations
from server.core.coding.sessions import CodingSessions
from server.core.coding.tasks import CodingTasks
from server.core.events.stream import EventStreams
from server.core.identity.access_tokens import AccessTokens, signing_secret
from server.core.identity.authentication import Authenticator
from server.core.identity.oauth_clients import OAuthClients
from server.core.monitoring.alert_rules import AlertRules, AlertThresholds
from server.core.monitoring.health import HealthChecks
from server.core.monitoring.task_metrics import TaskMetrics
from server.core.queue.claims import Claims
from server.core.queue.dependencies import Dependencies
from server.core.queue.due_tasks import DueTasks
from server.core.queue.lease_service import LeaseService
from server.core.queue.routing.rerouting import Rerouting
from server.core.sessions.lifecycle import Sessions
from server.core.sessions.statistics import SessionStatistics
from server.core.shared import idempotency
from server.core.shared.count_cache import CountCache
from server.core.tasks.commands import TaskCommands
from server.core.tasks.queries import TaskQueries
from server.core.use_cases import UseCases
from server.core.workers.agent_heartbeats import AgentHeartbeats
from server.core.workers.bounds import forget_ended
from server.core.workers.hub import WorkerHub
from server.core.workers.reconciliation import Reconciliation
from server.core.workers.registry import WorkerRegistry
from server.core.workers.reports import WorkerReports
from server.core.workflows import progression
from server.core.workflows.definitions import WorkflowDefinitions
from server.core.workflows.runs import WorkflowRuns
from server.rpc import transport
from server.rpc.guests import Guests
from server.rpc.handlers import Handlers
from server.rpc.health import Health
from server.rpc.log import CallLog
from server.rpc.pipeline import Pipeline
from server.rpc.quotas import Quotas
from server.settings import Settings
from server.store.bus import Bus, PostgresBus, SocketBus
from server.store.database import Database
from server.store.feed import Feeds
from server.store.forever import forever
from server.store.opened import open_database
from server.websocket import Bridge
from server.work.clock import QueueClock
from server.work.dispatch import Dispatcher
from server.work.environments import Environments
from server.work.installer import Installer
from server.work.python_runner import PythonRunner
from server.work.sandbox import Limits, Sandboxes

HOUR = 3600 * 1_000_000
DAY = 24 * HOUR
TRIM_SECONDS = 60.0
# How long gateways have to hear that the server stops, before it refuses what they send.
LINGER_SECONDS = 1.5
# Where WebSockets are listened for: a unix socket, or a host and port.
Address = Path | tuple[str, int]
log = structlog.get_logger()


class Application:
    """One server process."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.database: Database = open_database(settings)
        self.bus: Bus = (
            SocketBus(settings.run_dir) if settings.sqlite_path is not None else PostgresBus(settings.database)
        )
        self.feeds = Feeds(self.database, self.bus)
        self.sandboxes = Sandboxes(
            prewarmed=settings.sandbox_prewarmed,
            concurrency=settings.sandbox_concurrency,
            unsandboxed=settings.allow_unsandboxed,
        )
        self.database.hooks.step_ended.append(progression.advance)
        self.claims = Claims(self.database, lease_seconds=settings.lease_seconds)
        self.leases = LeaseService(
            self.database, lease_seconds=settings.lease_seconds, max_attempts=settings.max_attempts
        )
        self.tokens = AccessTokens(signing_secret(settings))
        self.use_cases = self._use_cases()
        self.dispatcher = self._dispatcher()
        self.clock = QueueClock(self.database, DueTasks(self.database), Dependencies(self.database), self.feeds)
        self.health = Health()
        self.server = self._server()
        self._trimmed = time.monotonic()

    def _use_cases(self) -> UseCases:
        settings, database = self.settings, self.database
        counts = CountCache(database)
        agents = AgentRegistry(database, counts, no_sandbox=self.sandboxes.why_unavailable)
        reports = WorkerReports(database, self.leases)
        quotas = not settings.no_quotas
        return UseCases(
            agents=agents,
            agent_health=AgentHealthChecks(database),
            agent_heartbeats=AgentHeartbeats(database, silent_seconds=settings.agent_silent_seconds),
            agent_performance=AgentPerformance(database),
            assignments=Assignments(database, lease_seconds=settings.agent_silent_seconds),
            checkpoints=Checkpoints(database),
            coding_sessions=CodingSessions(database, running=settings.running_sessions if quotas else None),
            coding_tasks=CodingTasks(database),
            events=EventStreams(database, self.feeds, heartbeat_seconds=settings.heartbeat_seconds),
            health=HealthChecks(
                database,
                redis_url=settings.redis_url,
                data_dir=settings.data_dir,
                queue_length=settings.queue_alert_tasks,
                queue_seconds=settings.queue_alert_seconds,
                no_sandbox=self.sandboxes.why_unavailable,
            ),
            oauth_clients=OAuthClients(database, self.tokens),
            sessions=Sessions(database, counts, open_sessions=settings.open_sessions if quotas else None),
            session_statistics=SessionStatistics(database),
            tasks=TaskCommands(database, agents),
            task_metrics=TaskMetrics(database),
            task_queries=TaskQueries(database, counts, self.feeds),
            task_relations=TaskRelations(database),
            workers=WorkerRegistry(
                database,
                self.leases,
                silent_seconds=settings.worker_silent_seconds,
                most=settings.workers_per_agent if quotas else None,
            ),
            worker_hub=WorkerHub(database, self.claims, reports, self.feeds, lease_seconds=settings.lease_seconds),
            worker_reports=reports,
            workflows=WorkflowDefinitions(database, counts),
            workflow_runs=WorkflowRuns(database, counts, self.feeds),
        )

    def _alert_rules(self) -> AlertRules:
        settings = self.settings
        thresholds = AlertThresholds(
            queue_length=settings.queue_alert_tasks,
            queue_seconds=settings.queue_alert_seconds,
            error_percent=settings.error_alert_percent,
            error_tasks=settings.error_alert_tasks,
            disk_percent=settings.disk_alert_percent,
        )
        return AlertRules(self.database, self.use_cases.health.disk_percent, thresholds)

    def _dispatcher(self) -> Dispatcher:
        settings, agents = self.settings, self.use_cases.agents
        environments = Environments(settings.data_dir.resolve() / "environments")
        limits = Limits(
            memory_bytes=settings.sandbox_memory_mb << 20,
            disk_bytes=settings.sandbox_disk_mb << 20,
        )
        self.installer = Installer(agents, environments)
        runner = PythonRunner(agents, self.sandboxes, environments, limits, settings.sandbox_concurrency)
        dispatcher = Dispatcher(
            self.claims, self.leases, self.feeds, [runner, self.installer], lease_seconds=settings.lease_seconds
        )
        cases = self.use_cases
        dispatcher.sweeps = [
            cases.sessions.expire,
            cases.coding_sessions.start_queued,
            cases.workers.find_lost,
            Rerouting(self.database).sweep,
            Reconciliation(self.database).sweep,
            cases.workflow_runs.cancel_orphans,
            self._forget_old,
            cases.task_metrics.compact,
            self._alert_rules().sweep,
        ]
        return dispatcher

    async def _forget_old(self) -> None:
        if time.monotonic() - self._trimmed < TRIM_SECONDS:
            return
        self._trimmed = time.monotonic()
        now = self.database.clock()
        await self.use_cases.events.trim(now - int(self.settings.event_retention_hours * HOUR))
        await idempotency.forget(self.database, now - int(self.settings.idempotency_hours * HOUR))
        await forget_ended(self.database, now - DAY)
        await self.installer.remove_unused()

    def _server(self) -> grpc.aio.Server:
        apis = serving(self.use_cases, self.settings)
        server = grpc.aio.server(options=transport.options(apis, shared_port=self.settings.workers > 1))
        quotas = (
            None
            if self.settings.no_quotas
            else Quotas(redis_url=self.settings.redis_url, requests_per_hour=self.settings.requests_per_hour)
        )
        self.calls = CallLog(self.settings.log_level)
        guests = Guests(self.settings.guest_key_path)
        identity = Authenticator(self.database, self.tokens)
        self.pipeline = Pipeline(
            self.database, identity, quotas, self.calls, guests, open_streams=self.settings.open_streams
        )
        self.under_way = self.pipeline.under_way
        self.services = [service.full_name for api in apis for service, _ in api.services]
        handlers = Handlers(apis, self.pipeline)
        server.add_generic_rpc_handlers((handlers,))
        self.sockets = Bridge(handlers.bidi, connections=self.settings.socket_connections)
        health_pb2_grpc.add_HealthServicer_to_server(self.health, server)
        names = [*self.services, HEALTH, reflection.SERVICE_NAME]
        reflection.enable_server_reflection(names, server)
        return server

    async def start(self, addresses: Sequence[str], socket_address: Address | None = None) -> list[int]:
        """Opens everything and listens at `addresses`, and for WebSockets at `socket_address`; returns the ports.

        Raises Unavailable.
        """
        await self.database.open()
        await self.bus.open()
        self.feeds.start()
        self._polling = asyncio.create_task(forever("poll", self.feeds.poll))
        await self.sandboxes.start()
        if self.sandboxes.unavailable is not None:
            log.warning("deployed code cannot run here", reason=self.sandboxes.unavailable)
        ports = [self.server.add_insecure_port(address) for address in addresses]
        await self.server.start()
        if socket_address is not None:
            await self.sockets.start(socket_address)
        self.dispatcher.start()
        self.clock.start()
        for service in ("", *self.services):
            await self.health.set(service, health_pb2.HealthCheckResponse.SERVING)
        return ports

    async def finish(self) -> None:
        """NOT_SERVING, streams end, running calls finish, work is finished or given back, nothing is left behind.

        New calls are refused until the end of the process, or of `stop`.
        """
        seconds = self.settings.shutdown_seconds
        await self.health.stop(LINGER_SECONDS)
        self.feeds.close(max(0.0, seconds - 1))
        await asyncio.gather(self.under_way.finish(seconds), self.sockets.stop(seconds))
        await self.clock.stop()
        await self.dispatcher.stop(seconds / 2)
        await self.sandboxes.close()
        self._polling.cancel()
        await asyncio.gather(self._polling, return_exceptions=True)
        await self.use_cases.health.close()
        await self.bus.close()
        await self.database.close()
        self.calls.flush()

    async def stop(self) -> None:
        """Finishes, and stops to listen, in a process that goes on."""
        await self.finish()
        await self.server.stop(None)
