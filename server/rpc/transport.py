"""What gRPC's own transport takes: how large messages and headers may be, and how often it may be pinged."""

from __future__ import annotations

from collections.abc import Sequence

from server.apikit.api import Api

# What a body becomes on the way: `0,` in a list of JSON is eleven bytes of a message.
GROWTH = 6
# What the gateway takes as headers, 32 KiB, with what it adds, and what gRPC counts beside each of them.
METADATA_BYTES = 48 << 10


def options(apis: Sequence[Api], *, shared_port: bool = False) -> list[tuple[str, int]]:
    """The options of a server of these APIs: whatever the gateway lets through reaches the pipeline."""
    return [
        ("grpc.so_reuseport", int(shared_port)),
        ("grpc.max_receive_message_length", GROWTH * max(each.declaration.max_body_bytes for each in apis)),
        ("grpc.max_metadata_size", METADATA_BYTES),
        ("grpc.absolute_max_metadata_size", 2 * METADATA_BYTES),
        ("grpc.server_handshake_timeout_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", 5000),
    ]
