"""The native API's documents."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from orchestrator.wire.v1.document_pb2 import Document as DocumentMessage

from server.apikit.projection import timestamp
from server.model import Document

_STATES: Mapping[str, Any] = {
    name.removeprefix("STATE_").lower(): number for name, number in DocumentMessage.State.items()
}
# The words of enum numbers.
STATUSES = {number: word for word, number in _STATES.items()}


def document_message(document: Document) -> DocumentMessage:
    """A document."""
    return DocumentMessage(
        id=f"document_{document.id}",
        title=document.title,
        tags=json.loads(document.tags),
        filename=document.filename,
        content_type=document.content_type,
        size_bytes=document.size,
        sha256=document.sha256,
        content_version=document.revision,
        state=_STATES[document.status],
        state_message=document.status_message,
        progress=document.progress,
        language=document.language,
        chunk_count=document.chunks,
        create_time=timestamp(document.created_at),
        update_time=timestamp(document.updated_at),
        etag=str(document.version),
    )
