"""An API as the server has it: its declaration, its servicers, and what the settings make of its bounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from google.protobuf.descriptor import ServiceDescriptor

from server.apikit.cors import Origins
from server.apikit.declaration import Declaration, Limits
from server.apikit.errors import ErrorContext, Rendered
from server.apikit.refusals import Refusal
from server.errors import ServiceError
from server.settings import Settings

# Sockets, and streams, of a key where there are no quotas.
MANY_STREAMS = 5_000
Services = Sequence[tuple[ServiceDescriptor, object]]


@dataclass(frozen=True, slots=True)
class Api:
    """One API: which servicer serves which service, within which bounds, and for which web pages."""

    declaration: Declaration
    services: Services
    limits: Limits
    # Pages that may be guests, where there are guests, and then may open sockets.
    origins: Origins = field(default_factory=Origins)

    def render(self, error: ServiceError, request_id: str) -> Rendered:
        """An error as the API's document shapes it; a refusal keeps its own status."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        rendered = self.declaration.render_error(error, ErrorContext(request_id, now))
        return replace(rendered, http_status=error.http_status) if isinstance(error, Refusal) else rendered


def limits_of(declaration: Declaration, settings: Settings) -> Limits:
    """What the API declares, where the settings say nothing else."""
    group = declaration.name if declaration.settings_group is None else declaration.settings_group
    given = settings.api(group).model_dump(exclude_none=True)
    limits = replace(declaration.limits, **given)
    if settings.no_quotas:
        many = {name: max(getattr(limits, name), MANY_STREAMS) for name in ("sockets_per_key", "streams_per_key")}
        return replace(limits, **many)
    return limits
