"""Addresses of receivers: which URLs may be called, and which machines may be connected to."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from server.errors import InvalidRequest

MAX_URL = 2000
# Looking a name up may take as long; others have threads of their own meanwhile.
LOOKUP_SECONDS = 5.0
LOOKUPS = 128
# What may stand in a URL, so that no two programs read it differently. Names in other scripts are written as xn--….
_URL = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+")
_HOST = re.compile(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]")
_PORT = re.compile(r"[0-9]{1,5}")
_NUMBER = re.compile("[0-9]+|0[xX][0-9A-Fa-f]*")
# Beside what Python knows: not every release of it knows all of these.
_SPECIAL = [
    ipaddress.ip_network(each)
    for each in (
        "192.0.0.0/24",
        "192.88.99.0/24",
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",
        "3fff::/20",
        "5f00::/16",
        "fec0::/10",
    )
]
# Networks whose addresses have one of IPv4 in their last 32 bits: translated (NAT64), and with IPv4-mapped ones.
_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")
_LOW = (1 << 32) - 1
_REFUSED = "the host leads to an address that is not public"
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


class Refused(OSError):
    """A connection to an address that is not public: raised to whoever connects."""


def is_public(address: str) -> bool:
    """Whether an address, as the system writes it, is one of the public internet, wherever it leads in the end."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.scope_id is not None:
            return False
        inner = _within(ip)
        if inner is not None:
            return _is_global(inner)
    return _is_global(ip)


def _within(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The address of IPv4 that one of IPv6 leads to, where it does."""
    if ip in _TRANSLATED:
        return ipaddress.IPv4Address(int(ip) & _LOW)
    # Teredo is within 2001::/23, which is refused as a whole.
    return ip.ipv4_mapped or ip.sixtofour


def _is_global(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    special = any(ip.version == network.version and ip in network for network in _SPECIAL)
    return ip.is_global and not (special or ip.is_multicast or ip.is_reserved or ip.is_unspecified)


def parse_url(url: str) -> tuple[str, int]:
    """The host, without brackets, and the port that a URL names. Raises InvalidRequest for no plain URL."""
    if len(url) > MAX_URL or not _URL.fullmatch(url):
        raise InvalidRequest("url", f"must have 1 to {MAX_URL} characters, those that URLs have")
    scheme, _, rest = url.partition("://")
    if scheme.lower() not in ("http", "https") or not rest:
        raise InvalidRequest("url", "must begin with https:// or http://")
    authority = re.split("[/?#]", rest, maxsplit=1)[0]
    if "@" in authority:
        raise InvalidRequest("url", "must not hold credentials: use headers, and verify the signature")
    found = re.fullmatch(rf"({_HOST.pattern})(?::({_PORT.pattern})?)?", authority)
    port = int(found[2] or {"http": 80, "https": 443}[scheme.lower()]) if found is not None else 0
    host = (found[1] if found is not None else "").strip("[]")
    if not 0 < port < 65536 or not host.strip(".") or ".." in host or urlsplit(url).hostname != host.lower():
        raise InvalidRequest("url", "must name a host, and a port between 1 and 65535 if any")
    if _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]) and not _is_ipv4(host):
        # One, two, three numbers, octal and hexadecimal ones: programs do not agree on what they are.
        raise InvalidRequest("url", "must have an address of IPv4 as four plain numbers")
    if "#" in rest:
        raise InvalidRequest("url", "must not have a fragment: it would not be sent")
    return host, port


def _is_ipv4(host: str) -> bool:
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return True


class AddressGuard:
    """Looks names up and says no to addresses that are not public, unless the operator allows private ones."""

    def __init__(self, *, allow_private: bool, resolve: Resolve | None = None) -> None:
        self.allow_private = allow_private
        self._resolve = resolve or _lookup

    async def check(self, url: str) -> None:
        """Raises InvalidRequest where a URL is not to be called, as far as its name can be looked up now."""
        host, port = parse_url(url)
        if self.allow_private:
            return
        try:
            async with asyncio.timeout(LOOKUP_SECONDS):
                await self.addresses(host, port)
        except Refused:
            raise InvalidRequest("url", "must lead to public addresses only") from None
        except (OSError, UnicodeError, TimeoutError):
            raise InvalidRequest("url", f"the host {host} cannot be found") from None

    async def addresses(self, host: str, port: int) -> Sequence[str]:
        """The addresses of a host. Raises Refused where one of them is not public, and OSError where there are none."""
        name = host.rstrip(".").lower()
        if not self.allow_private and (name == "localhost" or name.endswith(".localhost")):
            # RFC 6761: nobody need be asked.
            raise Refused(_REFUSED)
        found = await self._resolve(host, port)
        if not found:
            raise OSError(f"{host} has no address")
        for address in found:
            self.admit(address)
        return found

    def admit(self, address: str) -> None:
        """Raises Refused unless an address may be connected to."""
        if not self.allow_private and not is_public(address):
            raise Refused(_REFUSED)


_threads = ThreadPoolExecutor(LOOKUPS, "lookup")


async def _lookup(host: str, port: int) -> Sequence[str]:
    loop = asyncio.get_running_loop()
    # Threads of their own: a name server that hangs must not keep anything but look-ups from going on.
    found = await loop.run_in_executor(_threads, _addresses, host, port)
    return list(dict.fromkeys(found))


def _addresses(host: str, port: int) -> list[str]:
    return [str(each[4][0]) for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
