"""The native API, declared: for gRPC alone. Whoever puts a gateway of their own before it finds its errors shaped."""

from server.apikit.declaration import Declaration, Limits
from server.apikit.errors import render_code_message_details

DECLARATION = Declaration(
    name="native",
    title="Native API",
    packages=["orchestrator.v1"],
    render_error=render_code_message_details,
    field_words={"end_at": "end_time", "expires_at": "expire_time", "permissions": "scopes"},
    # A fleet of workers may have one key, and who has made many tasks may watch each.
    limits=Limits(sockets_per_key=1_000, streams_per_key=1_000),
)
