"""CoordinAItor: the system."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from orchestrator.wire.coordinaitor.v1 import system_service_pb2 as pb
from orchestrator.wire.coordinaitor.v1.system_pb2 import SystemHealth, SystemLog, SystemMetrics, SystemStatus

from server import values
from server.apikit.moments import moment
from server.apikit.projection import project, timestamp
from server.apis.coordinaitor.envelope import answer
from server.core.agents.directory import AgentDirectory
from server.core.monitoring.backlog import Backlog
from server.core.monitoring.condition import SERVICES
from server.core.monitoring.health import HealthChecks
from server.core.monitoring.machine import Machine
from server.core.monitoring.system_logs import SystemLogs
from server.core.monitoring.system_status import SystemStatuses, versions
from server.core.monitoring.task_metrics import TaskMetrics
from server.core.shared.call_context import Call

PERIOD, LINES = "24h", 100
# What this API calls the series, and what their figures are divided by: in core, shares are from 0 to 100.
SERIES = {
    "task_completion_rate": ("completionRate", 100),
    "error_rate": ("errorRate", 100),
    "response_time": ("responseTime", 1),
    "throughput": ("throughput", 1),
}


class SystemServicer:
    """Decodes, calls the use case, encodes."""

    def __init__(
        self,
        health: HealthChecks,
        statuses: SystemStatuses,
        logs: SystemLogs,
        metrics: TaskMetrics,
        agents: AgentDirectory,
    ) -> None:
        self._health = health
        self._statuses = statuses
        self._logs = logs
        self._metrics = metrics
        self._agents = agents

    async def GetHealth(self, _request: pb.GetHealthRequest, call: Call) -> pb.GetHealthResponse:
        known = bool(call.organization_id)
        condition, (database, redis), memory = await asyncio.gather(
            self._health.condition(), self._health.services(), self._health.cache_bytes()
        )
        condition = condition.of(SERVICES)
        services = SystemHealth.Services(
            database=SystemHealth.Database(
                status=database.status, latency=database.response_ms, connections=self._statuses.connections()
            )
        )
        if redis.status != "not_configured":
            used = f"{max(1, round(memory / (1 << 20)))}MB" if memory is not None else None
            services.redis.CopyFrom(SystemHealth.Redis(status=redis.status, latency=redis.response_ms, memory=used))
        recent = self._statuses.traffic()
        metrics = SystemHealth.Metrics(average_response_time=recent.mean_ms, error_rate=recent.error_rate)
        if known:
            work = await self._health.backlog(call)
            if work is not None:
                metrics.active_tasks, metrics.completed_today = work.running, work.completed_today
                counts = await self._agents.count(call)
                total = sum(counts.values())
                services.agents.CopyFrom(
                    SystemHealth.Agents(
                        status="healthy" if counts["available"] or counts["busy"] or not total else "degraded",
                        total=total,
                        available=counts["available"],
                        busy=counts["busy"],
                    )
                )
        return answer(
            pb.GetHealthResponse,
            call,
            SystemHealth(
                status=condition.status,
                timestamp=timestamp(self._health.now()),
                uptime=condition.uptime,
                version=versions()["server"],
                environment=self._statuses.environment,
                services=services,
                metrics=metrics,
            ),
        )

    async def GetMetrics(self, request: pb.GetMetricsRequest, call: Call) -> pb.GetMetricsResponse:
        period = request.period or PERIOD
        series = await self._metrics.series(call, period)
        counts, work = await self._agents.count(call), await self._health.backlog(call)
        recent = self._statuses.traffic()
        api = {
            "averageResponseTime": recent.mean_ms,
            "errorRate": recent.error_rate,
            "requestsPerMinute": recent.per_minute,
        }
        data = SystemMetrics(
            period=period,
            timestamp=timestamp(self._health.now()),
            tasks=_struct({**_queue(work), "completedToday": work.completed_today if work is not None else None}),
            agents=_struct({"total": sum(counts.values()), **counts}),
            api=_struct(api),
            machine=_struct(_machine(await self._health.machine())),
            series=_struct({SERIES[name][0]: _points(points, SERIES[name][1]) for name, points in series.items()}),
        )
        return answer(pb.GetMetricsResponse, call, data)

    async def GetStatus(self, _request: pb.GetStatusRequest, call: Call) -> pb.GetStatusResponse:
        condition, status, work, machine = await asyncio.gather(
            self._health.condition(),
            self._statuses.status(call),
            self._health.backlog(call),
            self._health.machine(),
        )
        condition = condition.of(SERVICES)
        process = {
            "streams": status.streams,
            "connections": status.connections,
            "requestsPerMinute": status.traffic.per_minute,
            "averageResponseTime": status.traffic.mean_ms,
        }
        data = SystemStatus(
            status=condition.status,
            timestamp=timestamp(self._health.now()),
            uptime=condition.uptime,
            environment=self._statuses.environment,
            components=dict(condition.components),
            versions=dict(status.versions),
            queue=_struct(_queue(work)),
            workers=_struct({word: status.workers.get(word, 0) for word in ("active", "draining")}),
            process=_struct(process),
            events=_struct({"head": status.head, "trimmed": status.trimmed}),
            machine=_struct(_machine(machine)),
        )
        return answer(pb.GetStatusResponse, call, data)

    async def ListLogs(self, request: pb.ListLogsRequest, call: Call) -> pb.ListLogsResponse:
        entries = await self._logs.list(
            call,
            level=request.level,
            service=request.service,
            since=moment("since", request.since) or 0,
            limit=request.limit or LINES,
        )
        lines = [
            project(
                entry,
                SystemLog,
                id=f"log-{entry.id}",
                timestamp=timestamp(entry.created_at),
                fields=values.struct_of(values.encode(json.loads(entry.fields))),
            )
            for entry in entries
        ]
        return answer(pb.ListLogsResponse, call, lines)


def _struct(plain: Mapping[str, Any]) -> bytes:
    """What is known of these figures."""
    return values.struct_of(values.encode({name: value for name, value in plain.items() if value is not None}))


def _queue(work: Backlog | None) -> dict[str, Any]:
    if work is None:
        return {}
    return {
        "active": work.running,
        "pending": work.pending,
        "claimable": work.claimable,
        "oldestWaitSeconds": round(work.oldest_seconds, 3),
    }


def _machine(machine: Machine) -> dict[str, Any]:
    used = {"memoryUsage": machine.memory_percent, "diskUsage": machine.disk_percent}
    return {
        "load": machine.load,
        **{name: round(percent / 100, 4) for name, percent in used.items() if percent is not None},
    }


def _points(points: Any, divisor: int) -> list[dict[str, Any]]:
    return [{"timestamp": timestamp(at).ToJsonString(), "value": round(value / divisor, 6)} for at, value in points]
