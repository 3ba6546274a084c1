"""OAuth: what this server calls itself in front of clients (RFC 8414, section 2; RFC 9207)."""

from __future__ import annotations

from collections.abc import Collection

from server.core.shared.call_context import Call

HOST = "x-requested-host"


class Issuer:
    """The setting, or else the host that was asked, where it is one of ours, or else the port of this machine.

    What a caller may name freely must not become an address that others believe.
    """

    def __init__(self, public_url: str, hosts: Collection[str], port: int) -> None:
        self._public_url = public_url.rstrip("/")
        self._hosts = frozenset(hosts)
        self._here = f"http://localhost:{port}"

    def of(self, call: Call) -> str:
        """The issuer that this call is answered by."""
        if self._public_url:
            return self._public_url
        host = call.headers.get(HOST, "").lower().partition(":")[0]
        return f"https://{host}" if host in self._hosts else self._here
