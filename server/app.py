"""All the wiring: settings → store → core → work and APIs → the gRPC server."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

import grpc
import structlog
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import SERVICE_NAME as HEALTH
from grpc_reflection.v1alpha import reflection

from server.apis import serving, wordings
from server.certificates import Certificate
from server.compose import connect_domains, use_cases
from server.core.agents.shifts import Shifts
from server.core.chat.live import LiveAnswers
from server.core.chat.memory.recall import Recall
from server.core.identity.access_tokens import AccessTokens, signing_secret
from server.core.identity.authentication import Authenticator
from server.core.knowledge.ingestion import Ingestion
from server.core.knowledge.languages import load_stems
from server.core.knowledge.remains import Remains
from server.core.models.port import Models
from server.core.monitoring.alert_rules import AlertRules, AlertThresholds
from server.core.monitoring.metrics import Metrics
from server.core.monitoring.traffic import Traffic
from server.core.notifications.consumer import Notifier
from server.core.notifications.mail import MailQueue
from server.core.queue.claims import ANSWER, Claims
from server.core.queue.dependencies import Dependencies
from server.core.queue.due_tasks import DueTasks
from server.core.queue.lease_service import LeaseService
from server.core.queue.routing.rerouting import Rerouting
from server.core.shared.sealing import Sealer
from server.core.tasks.text_index import TextBackfill
from server.core.webhooks.addresses import AddressGuard
from server.core.webhooks.fan_out import FanOut
from server.core.webhooks.queue import DeliveryQueue
from server.core.webhooks.receivers import Receivers
from server.core.webhooks.sending import Sending
from server.core.workers.reconciliation import Reconciliation
from server.errors import ServiceError
from server.rpc import transport
from server.rpc.callers.actors import remember
from server.rpc.callers.guests import Guests
from server.rpc.callers.quotas import Quotas
from server.rpc.handlers import Handlers
from server.rpc.health import Health
from server.rpc.log import LINES, CallLog
from server.rpc.meter import RequestMeter, measure
from server.rpc.pipeline import Pipeline
from server.rpc.tls import listen
from server.settings import Settings
from server.store.database import Database
from server.store.feed import Feeds
from server.store.forever import forever
from server.store.opened import open_bus, open_database
from server.websocket import Bridge
from server.work.chat.runner import AnswerRunner
from server.work.clock import QueueClock
from server.work.code_search import CodeSearch
from server.work.dispatch import Dispatcher
from server.work.embedding.semantic import Semantic
from server.work.environments import Environments
from server.work.ingestion import IngestionRunner
from server.work.installer import Installer
from server.work.mail import MailServer
from server.work.metric_files import MetricFiles
from server.work.model_agents import model_runner
from server.work.models import CountedModels, MeteredModels, ModelProviders
from server.work.notifications import NotificationLoops
from server.work.places import SPARE
from server.work.python_runner import PythonRunner
from server.work.retention import Retention
from server.work.runners import Runner
from server.work.sandbox import Limits, Sandboxes
from server.work.telemetry import Telemetry
from server.work.webhooks import WebhookLoops

# How long gateways have to hear that the server stops, before it refuses what they send.
LINGER_SECONDS = 1.5
# Where WebSockets are listened for: a unix socket, or a host and port.
Address = Path | tuple[str, int]
log = structlog.get_logger()


class Application:
    """One server process."""

    def __init__(self, settings: Settings, models: Models | None = None) -> None:
        self.settings = settings
        self.database: Database = open_database(settings)
        self.bus = open_bus(settings)
        self.feeds = Feeds(self.database, self.bus)
        self.sandboxes = Sandboxes(
            prewarmed=settings.sandbox_prewarmed,
            concurrency=settings.sandbox_concurrency + SPARE,
            unsandboxed=settings.allow_unsandboxed,
        )
        connect_domains(self.database)
        self.live_answers, self.traffic, self.metrics = LiveAnswers(), Traffic(), Metrics()
        self.providers, self.telemetry = ModelProviders.of(settings), Telemetry.of(self.feeds)
        self.models = CountedModels(self.telemetry.models(models or self.providers), self.metrics)
        self.claims = Claims(self.database, lease_seconds=settings.lease_seconds)
        self.leases = LeaseService(
            self.database, lease_seconds=settings.lease_seconds, max_attempts=settings.max_attempts
        )
        secret = signing_secret(settings)
        self.tokens = AccessTokens(secret)
        self.sealer = Sealer(secret, settings.api_secret_key_previous)
        self.addresses = AddressGuard(allow_private=settings.webhook_allow_private)
        self.wordings, self.semantic = wordings(), Semantic.of(settings, self.database)
        self.metric_files = MetricFiles(settings.run_dir, self.metrics)
        self.use_cases = use_cases(
            settings,
            self.database,
            self.feeds,
            self.claims,
            self.leases,
            secret=secret,
            tokens=self.tokens,
            sealer=self.sealer,
            addresses=self.addresses,
            wordings=self.wordings,
            nearest=self.semantic.nearest if self.semantic is not None else None,
            no_sandbox=self.sandboxes.why_unavailable,
            traffic=self.traffic,
            metrics=self.metrics,
            lines=LINES,
            models=self.models,
            live=self.live_answers,
        )
        self.use_cases.scrapes.totals, self.use_cases.health.model_states = self.metric_files.totals, self.models.states
        self.dispatcher = self._dispatcher()
        self.use_cases.chat_answers.place = partial(self.dispatcher.place, ANSWER)
        self.clock = QueueClock(self.database, DueTasks(self.database), Dependencies(self.database), self.feeds)
        self.use_cases.health.loops_live = lambda: self.dispatcher.is_live() and self.clock.is_live()
        self.webhooks = self._webhooks()
        mail = MailServer.of(settings)
        notifier, queue = Notifier(self.database, mails=mail is not None), MailQueue(self.database)
        self.notifications = NotificationLoops(notifier, queue, self.use_cases.password_resets, mail, self.feeds)
        self.health = Health()
        self.server = self._server()

    def _dispatcher(self) -> Dispatcher:
        settings, cases = self.settings, self.use_cases
        environments = Environments(settings.data_dir.resolve() / "environments")
        limits = Limits(memory_bytes=settings.sandbox_memory_mb << 20, disk_bytes=settings.sandbox_disk_mb << 20)
        self.installer = Installer(cases.agents, environments)
        search = CodeSearch(cases.knowledge_search)
        runner = PythonRunner(cases.agents, self.sandboxes, environments, search, limits, settings.sandbox_concurrency)
        ingestion = IngestionRunner(Ingestion(self.database, embeds=self.semantic is not None), cases.blobs)
        metered = MeteredModels(self.models, cases.ledger)
        self.answers = AnswerRunner(
            self.database,
            self.live_answers,
            Recall(self.database, cases.knowledge_search),
            metered,
            concurrency=settings.answers_at_once,
            seconds=settings.answer_seconds,
        )
        thinker = model_runner(settings, self.database, cases, metered, self.sandboxes, search, limits)
        self.thinking = thinker.agents
        runners: list[Runner] = [runner, thinker, self.installer, ingestion, self.answers]
        if self.semantic is not None:
            runners.append(self.semantic.runner)
        self.remains = Remains(self.database, cases.blobs)
        others = [self.installer.remove_unused, self.remains.sweep_blobs]
        self.retention = Retention(settings, self.database, cases, others)
        traced = self.telemetry.runners(runners)
        dispatcher = Dispatcher(self.claims, self.leases, self.feeds, traced, lease_seconds=settings.lease_seconds)
        dispatcher.sweeps = [
            cases.sessions.expire,
            cases.conversations.end_idle,
            cases.attention.sweep,
            cases.ledger.sweep,
            cases.coding_sessions.start_queued,
            cases.workers.find_lost,
            Shifts(self.database).sweep,
            self.thinking.sweep,
            Rerouting(self.database).sweep,
            Reconciliation(self.database).sweep,
            cases.workflow_runs.cancel_orphans,
            self.remains.sweep,
            self.retention.sweep,
            TextBackfill(self.database).sweep,
            cases.task_metrics.compact,
            cases.system_logs.sweep,
            AlertRules(self.database, cases.health.disk_percent, AlertThresholds.of(settings)).sweep,
        ]
        return dispatcher

    def _webhooks(self) -> WebhookLoops:
        database, seconds = self.database, self.settings.webhook_timeout_seconds
        self.receivers = Receivers(self.addresses, seconds=seconds)
        return WebhookLoops(
            FanOut(database, self.wordings),
            DeliveryQueue(database, attempt_seconds=seconds),
            self.telemetry.sending(Sending(database, self.receivers, self.use_cases.webhook_seals)),
            self.feeds,
        )

    def _server(self) -> grpc.aio.Server:
        settings, cases = self.settings, self.use_cases
        apis = serving(cases, settings)
        server = grpc.aio.server(options=transport.options(apis, shared_port=settings.workers > 1))
        quotas = Quotas(redis_url=settings.redis_url, requests_per_hour=settings.requests_per_hour)
        self.calls = CallLog(settings.log_level, self.traffic)
        guests = Guests(settings.guest_key_path)
        identity = Authenticator(self.database, self.tokens, self.use_cases.signing_keys)
        self.use_cases.logins.ended.append(identity.forget)
        self.feeds.on_announced.append(identity.hear)
        self.pipeline = Pipeline(
            self.database,
            identity,
            None if settings.no_quotas else quotas,
            self.calls,
            guests,
            open_streams=settings.open_streams,
            meter=RequestMeter(self.metrics),
            spans=self.telemetry.spans,
        )
        self.traffic.open_streams = lambda: len(self.pipeline.streams)
        self.pipeline.refused = partial(remember, cases.audit)
        self.under_way = self.pipeline.under_way
        self.services = [service.full_name for api in apis for service, _ in api.services]
        handlers = Handlers(apis, self.pipeline)
        server.add_generic_rpc_handlers((handlers,))
        self.sockets = Bridge(handlers.bidi, connections=settings.socket_connections)
        health_pb2_grpc.add_HealthServicer_to_server(self.health, server)
        measure(self.metrics, self.sockets, self.pipeline.streams, self.database, self.sandboxes)
        reflection.enable_server_reflection([*self.services, HEALTH, reflection.SERVICE_NAME], server)
        return server

    async def start(
        self, addresses: Sequence[str], socket_address: Address | None = None, certificate: Certificate | None = None
    ) -> list[int]:
        """Opens everything and listens, for WebSockets at `socket_address`; returns the ports. Raises Unavailable."""
        await self.database.open()
        await self.bus.open()
        self.feeds.start()
        loops = {"poll": self.feeds.poll, "audit": self.use_cases.audit.run, "answers": self.answers.writer.run}
        loops |= {"usage": self.use_cases.ledger.run, "attention": self.use_cases.attention.run}
        self._loops = [asyncio.create_task(forever(name, loop)) for name, loop in loops.items()]
        loading = (self.providers.start(), asyncio.to_thread(load_stems))
        await asyncio.gather(self.metric_files.start(), self.sandboxes.start(), *loading)
        if self.sandboxes.unavailable is not None:
            log.warning("deployed code cannot run here", reason=self.sandboxes.unavailable)
        ports = [listen(self.server, address, certificate) for address in addresses]
        await self.server.start()
        if socket_address is not None:
            await self.sockets.start(socket_address)
        await self.thinking.sweep()  # Nothing is claimed for agents that cannot think here.
        self.dispatcher.start()
        self.clock.start()
        self.webhooks.start()
        self.notifications.start()
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
        await asyncio.gather(self.clock.stop(), self.webhooks.stop(seconds / 2), self.notifications.stop())
        await self.receivers.close()
        await self.dispatcher.stop(seconds / 2)
        await asyncio.gather(self.answers.summing.stop(), self.sandboxes.close())
        await self.providers.close()
        if self.semantic is not None:
            await self.semantic.close()
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        await self.metric_files.stop()
        await self.use_cases.health.close()
        with suppress(ServiceError):
            for each in (self.use_cases.ledger, self.use_cases.audit, self.use_cases.system_logs):
                await each.flush()
        await asyncio.gather(self.bus.close(), self.telemetry.close())
        await self.database.close()
        self.calls.flush()

    async def stop(self) -> None:
        """Finishes, and stops to listen, in a process that goes on."""
        await self.finish()
        await self.server.stop(None)
