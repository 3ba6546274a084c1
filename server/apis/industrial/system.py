"""Industrial: health, in the words of AI Orchestra's document, too, which has it at the same port; and readiness."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from orchestrator.wire.industrial.v1 import system_service_pb2 as pb

from server.core.monitoring.health import HealthChecks
from server.core.shared.call_context import Call

VERSION = version("orchestrator")


class SystemServicer:
    """Decodes, calls the use case, encodes."""

    def __init__(self, system: HealthChecks) -> None:
        self._system = system

    async def health(self) -> dict[str, Any]:
        """The same as JSON has it, for those who hear it without asking."""
        found = await self._system.condition()
        return {
            "status": found.status,
            "version": VERSION,
            "uptime": found.uptime,
            "components": dict(found.components),
        }

    async def GetHealth(self, _request: pb.GetHealthRequest, _call: Call) -> pb.GetHealthResponse:
        return pb.GetHealthResponse(**await self.health())

    async def GetReadiness(self, _request: pb.GetReadinessRequest, call: Call) -> pb.GetReadinessResponse:
        found = await self._system.readiness()
        # What other machines are needed for is another document's business.
        checks = {name: found[name] for name in ("database", "migrations", "cache")}
        if not all(checks.values()):
            # Probes look at the status, and people at what it is about.
            call.http_status = 503
        return pb.GetReadinessResponse(ready=all(checks.values()), checks=checks)
