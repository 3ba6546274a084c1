"""AI Orchestra: readiness and metrics."""

from __future__ import annotations

import hmac

from google.api.httpbody_pb2 import HttpBody
from orchestrator.wire.ai_orchestra.v2 import system_service_pb2 as pb

from server.core.monitoring.health import HealthChecks
from server.core.monitoring.scrape import Scrapes
from server.core.shared.call_context import Call
from server.errors import Forbidden, Unauthorized

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SCOPE = "system:read"


class SystemServicer:
    """Decodes, calls the use case, encodes."""

    def __init__(self, system: HealthChecks, scrapes: Scrapes, token: str) -> None:
        """`token` is what whoever scrapes for all sends instead of a key; empty where nobody does."""
        self._system = system
        self._scrapes = scrapes
        self._token = token.strip().encode()

    async def GetReadiness(self, _request: pb.GetReadinessRequest, call: Call) -> pb.GetReadinessResponse:
        checks = await self._system.readiness()
        if not all(checks.values()):
            # Probes look at the status, and people at what it is about.
            call.http_status = 503
        return pb.GetReadinessResponse(ready=all(checks.values()), checks=checks)

    async def GetMetrics(self, _request: pb.GetMetricsRequest, call: Call) -> HttpBody:
        given = _credential(call)
        for_all = bool(self._token) and hmac.compare_digest(given.encode(), self._token)
        if not for_all:
            await call.authenticate(given)
            if not call.caller.may(SCOPE):
                raise Forbidden(f"this key lacks the scope {SCOPE}", details={"scope": SCOPE})
        text = await self._scrapes.text(None if for_all else call)
        return HttpBody(content_type=CONTENT_TYPE, data=text.encode())


def _credential(call: Call) -> str:
    """What came along, as the server takes it everywhere. Raises Unauthorized where nothing has."""
    scheme, _, bearer = call.headers.get("authorization", "").partition(" ")
    if scheme and scheme.lower() != "bearer":
        raise Unauthorized("the Authorization header must read: Bearer YOUR_API_KEY")
    headers = (bearer, call.headers.get("x-api-key", ""), call.headers.get("x-agent-token", ""))
    given = next((each.strip() for each in headers if each.strip()), "")
    if not given:
        raise Unauthorized("an API key is needed, or the scrape token, as Authorization: Bearer …")
    return given
