"""Where a call came from: only a gateway that nobody else can be is believed."""

from __future__ import annotations

import pytest

from server.core.shared.call_context import Call
from server.rpc.access import NOBODY
from server.rpc.callers.actors import address_of


class Context:
    def __init__(self, peer: str) -> None:
        self._peer = peer

    def peer(self) -> str:
        return self._peer


@pytest.mark.parametrize(
    ("peer", "path", "said", "address"),
    [
        ("unix:", "/api/v1/tasks", "10.1.2.3", "10.1.2.3"),
        ("ipv4:10.0.0.9:4711", "", None, "10.0.0.9"),
        ("ipv6:%5B::1%5D:4711", "", None, "::1"),
        # A gateway on another machine, whose word may be anybody's, has no address of its callers.
        ("ipv4:10.0.0.9:4711", "/api/v1/tasks", None, ""),
        ("unix:", "", None, ""),
    ],
)
def test_an_address_is_the_gateways_word_or_the_peers_own(peer: str, path: str, said: str | None, address: str) -> None:
    call = Call(NOBODY, "request", path=path, headers={"x-requested-from": said} if said else {})
    assert address_of(call, Context(peer)) == address
