"""AI Orchestra: readiness and metrics."""

from __future__ import annotations

from google.api.httpbody_pb2 import HttpBody
from orchestrator.wire.ai_orchestra.v2 import system_service_pb2 as pb

from server.core.monitoring.health import HealthChecks
from server.core.shared.call_context import Call
from server.errors import Unavailable


class SystemServicer:
    """Decodes, calls the use case, encodes."""

    def __init__(self, system: HealthChecks) -> None:
        self._system = system

    async def GetReadiness(self, _request: pb.GetReadinessRequest, call: Call) -> pb.GetReadinessResponse:
        checks = await self._system.readiness()
        if not all(checks.values()):
            # Probes look at the status, and people at what it is about.
            call.http_status = 503
        return pb.GetReadinessResponse(ready=all(checks.values()), checks=checks)

    async def GetMetrics(self, _request: pb.GetMetricsRequest, call: Call) -> HttpBody:
        raise Unavailable("there are no metrics yet")
