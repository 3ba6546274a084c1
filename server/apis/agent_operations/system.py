"""Agent Operations: health and metrics."""

from __future__ import annotations

from orchestrator.wire.agent_operations.v1 import system_service_pb2 as pb
from orchestrator.wire.agent_operations.v1.system_pb2 import (
    DatabaseHealth,
    QueueHealth,
    RedisHealth,
    SystemFigures,
    SystemMetrics,
    SystemServices,
)

from server import values
from server.apikit.projection import timestamp
from server.core.monitoring.health import HealthChecks
from server.core.monitoring.task_metrics import TaskMetrics
from server.core.shared.call_context import Call

PERIOD = "24h"


class SystemServicer:
    """Decodes, calls the use case, encodes."""

    def __init__(self, system: HealthChecks, metrics: TaskMetrics) -> None:
        self._system = system
        self._metrics = metrics

    async def GetHealth(self, _request: pb.GetHealthRequest, call: Call) -> pb.GetHealthResponse:
        health = await self._system.health(call)
        work, machine = health.work, health.machine
        services = SystemServices(
            database=DatabaseHealth(status=health.database.status, response_time=health.database.response_ms),
            redis=RedisHealth(status=health.redis.status, response_time=health.redis.response_ms),
            message_queue=QueueHealth(
                status=health.queue,
                pending_messages=work.pending if work is not None else None,
                oldest_age_seconds=work.oldest_seconds if work is not None else None,
            ),
        )
        figures = SystemFigures(
            active_agents=work.active_agents if work is not None else None,
            running_tasks=work.running if work is not None else None,
            completed_tasks_today=work.completed_today if work is not None else None,
            system_load=machine.load,
            memory_usage=machine.memory_percent,
            disk_usage=machine.disk_percent,
        )
        return pb.GetHealthResponse(
            status=health.status, timestamp=timestamp(health.at), services=services, metrics=figures
        )

    async def GetMetrics(self, request: pb.GetMetricsRequest, call: Call) -> pb.GetMetricsResponse:
        period = request.period or PERIOD
        series = await self._metrics.series(call, period, request.metric)
        points = {
            name: [{"timestamp": timestamp(at).ToJsonString(), "value": value} for at, value in values]
            for name, values in series.items()
        }
        return pb.GetMetricsResponse(data=SystemMetrics(period=period, metrics=values.struct_of(values.encode(points))))
