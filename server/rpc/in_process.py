"""Calls without a channel: what the pipeline uses of a gRPC context, for callers in this process."""

from __future__ import annotations

from collections.abc import Sequence

Metadata = Sequence[tuple[str, str]]


class InProcessContext:
    """The context of one call. A refusal is raised to the caller as the ServiceError that it is."""

    def __init__(self, metadata: Metadata, peer: str) -> None:
        self._metadata = metadata
        self._peer = peer

    def peer(self) -> str:
        """Where the call comes from, as gRPC names it: `unix:` for this machine's sockets."""
        return self._peer

    def invocation_metadata(self) -> Metadata:
        """What a client would have sent as headers."""
        return self._metadata

    async def send_initial_metadata(self, metadata: Metadata) -> None:
        """Nobody reads what goes beside an answer here."""

    def set_trailing_metadata(self, metadata: Metadata) -> None:
        """The same."""
