"""Guests: callers without a credential, who act with the development key, where the server is in development.

Whoever can reach the port of a program on this machine may be a web page of somebody else, in a browser here. It is one
where the browser says that it comes from elsewhere, or where it knows this machine by another name (DNS rebinding).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from pathlib import Path

from server.apikit.api import Api
from server.core.shared.call_context import Call
from server.errors import Forbidden
from server.rpc.callers.credentials import says_nothing

# From the gateway, which lets no caller say it: the host that was addressed, and the address it was asked from. Only a
# gateway at our unix sockets is believed, because nobody but this user reaches those.
HOST, PEER = "x-requested-host", "x-requested-from"
# Of sockets also the program that asks, as it calls itself.
PROGRAM = "x-requested-by"
ORIGIN, SITE = "origin", "sec-fetch-site"
_HERE = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE)


class Guests:
    """Lets guests in with the key in a file; without a file there are none."""

    def __init__(self, key_path: Path | None = None) -> None:
        self._path = key_path
        self._key = ""

    def key_of(self, call: Call, api: Api, *, socket: bool = False) -> str:
        """The key that the call is made with, empty where it is no guest's. Raises Forbidden where a guest must not.

        `socket` where it is a socket's that has asked to be one.
        """
        declared = api.declaration.guests or (socket and api.declaration.guest_sockets)
        # Natively there are none: who can write a client can read the key. Nor are there where no gateway is believed.
        told = call.through_gateway and PEER in call.headers
        if not declared or not told or not says_nothing(call.headers):
            return ""
        if not self._key and self._path is not None and self._path.is_file():
            self._key = self._path.read_text().strip()
        if self._key:
            self._check(call, api)
        return self._key

    @staticmethod
    def _check(call: Call, api: Api) -> None:
        headers = call.headers
        if ORIGIN in headers:
            if not api.origins.allow(headers[ORIGIN]):
                raise Forbidden("pages of this origin may not call without an API key: CORS_ORIGINS says which may")
        elif headers.get(SITE, "") == "cross-site":
            raise Forbidden("pages of other sites may not call without an API key")
        if not _HERE.fullmatch(headers.get(HOST, "")):
            raise Forbidden("without an API key this server must be addressed as localhost, 127.0.0.1 or [::1]")
        if not _is_here(headers.get(PEER, "")):
            raise Forbidden("without an API key this server may be called from its own machine only")


def forget_claims(headers: dict[str, str], peer: str) -> None:
    """Takes from a call's headers what only a gateway may say, unless one has said it; `peer` is as gRPC names it."""
    if not peer.startswith("unix:"):
        for name in (HOST, PEER, PROGRAM):
            headers.pop(name, None)


def client_of(headers: Mapping[str, str]) -> str:
    """Which of the guests it is, as far as they can be told apart: they all have one key."""
    return "\n".join(headers.get(name, "") for name in (PEER, ORIGIN, PROGRAM))


def _is_here(address: str) -> bool:
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = known.ipv4_mapped if isinstance(known, ipaddress.IPv6Address) else None
    return (mapped or known).is_loopback
