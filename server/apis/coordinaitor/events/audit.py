"""CoordinAItor: the audit log."""

from __future__ import annotations

from orchestrator.wire.coordinaitor.v1 import audit_service_pb2 as pb

from server import values
from server.apikit.projection import timestamp
from server.apis.coordinaitor.envelope import listed, page_of
from server.core.events.audit_log import AuditFilter, AuditLog, Entry
from server.core.shared.call_context import Call
from server.core.shared.ids import parse_filter


class AuditServicer:
    """Decodes, calls the use case, encodes."""

    def __init__(self, audit_log: AuditLog) -> None:
        self._log = audit_log

    async def ListAuditEntries(self, request: pb.ListAuditEntriesRequest, call: Call) -> pb.ListAuditEntriesResponse:
        _, limit, offset = page_of(request)
        wanted = AuditFilter(
            actor=_actor(request.actor),
            action=request.action,
            api=request.api,
            outcome=request.outcome,
            since=request.since.ToMicroseconds() if request.HasField("since") else None,
            until=request.until.ToMicroseconds() if request.HasField("until") else None,
        )
        entries, total = await self._log.slice(call, wanted, limit=limit, offset=offset)
        shown = [_message(entry) for entry in entries]
        return listed(pb.ListAuditEntriesResponse, call, request, shown, total, "entries")


def _actor(text: str) -> str:
    """As events have it: `agent_…`, or else `user_…`. Raises InvalidRequest."""
    if not text:
        return ""
    kind = "agent" if text.startswith("agent") else "user"
    return f"{kind}_{parse_filter('actor', kind, text)}"


def _message(entry: Entry) -> pb.AuditEntry:
    return pb.AuditEntry(
        timestamp=timestamp(entry.created_at),
        actor=entry.actor.replace("_", "-", 1),
        credential=entry.credential,
        api=entry.via,
        address=entry.address,
        action=entry.action,
        resource_id=entry.resource_id,
        outcome=entry.outcome,
        request_id=entry.request_id,
        detail=entry.detail,
        event_id=values.encode(str(entry.number)) if entry.number else values.NULL,
    )
