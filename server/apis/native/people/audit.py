"""orchestrator.v1.AuditService."""

from __future__ import annotations

from orchestrator.wire.v1 import audit_service_pb2 as pb

from server.apikit.projection import timestamp
from server.core.events.audit_log import AuditFilter, AuditLog, Entry
from server.core.shared.call_context import Call

PAGE_SIZE, MOST = 50, 200


class AuditServicer:
    """Decodes, calls the use case, encodes."""

    def __init__(self, audit_log: AuditLog) -> None:
        self._log = audit_log

    async def ListAuditEntries(self, request: pb.ListAuditEntriesRequest, call: Call) -> pb.ListAuditEntriesResponse:
        wanted = AuditFilter(
            actor=request.actor,
            action=request.action,
            api=request.api,
            outcome=request.outcome,
            since=request.since.ToMicroseconds() if request.HasField("since") else None,
            until=request.until.ToMicroseconds() if request.HasField("until") else None,
        )
        size = min(request.page_size or PAGE_SIZE, MOST)
        entries, token = await self._log.page(call, wanted, size=size, token=request.page_token)
        return pb.ListAuditEntriesResponse(entries=map(_message, entries), next_page_token=token)


def _message(entry: Entry) -> pb.AuditEntry:
    return pb.AuditEntry(
        create_time=timestamp(entry.created_at),
        actor=entry.actor,
        credential=entry.credential,
        api=entry.via,
        address=entry.address,
        action=entry.action,
        resource_id=entry.resource_id,
        outcome=entry.outcome,
        request_id=entry.request_id,
        detail=entry.detail,
        event_number=entry.number,
    )
