"""AI Orchestra: health, at its own hosts."""

from __future__ import annotations

from importlib.metadata import version

from orchestrator.wire.ai_orchestra.v2 import health_service_pb2 as pb

from server.core.monitoring.health import HealthChecks
from server.core.shared.call_context import Call

VERSION = version("orchestrator")
# What the document names; the others are another document's.
COMPONENTS = ("orchestra_manager", "command_dispatcher", "memory_system", "swarm_intelligence")


class HealthServicer:
    """Decodes, calls the use case, encodes."""

    def __init__(self, system: HealthChecks) -> None:
        self._system = system

    async def GetHealth(self, _request: pb.GetHealthRequest, _call: Call) -> pb.GetHealthResponse:
        found = (await self._system.condition()).of(COMPONENTS)
        return pb.GetHealthResponse(
            status=found.status, version=VERSION, uptime=found.uptime, components=found.components
        )
