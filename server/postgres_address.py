"""What a PostgreSQL address says, as libpq and managed services spell it, in the driver's words."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

SCHEMES = ("postgresql", "postgres", "postgresql+asyncpg")
CONNECT_SECONDS = 10.0
_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "sslmode": _SSL_MODES,
    "target_session_attrs": ("any", "read-write", "read-only", "primary", "standby", "prefer-standby"),
    # The driver has none of it; `require` is met by TLS alone, which `sslmode=verify-full` makes as good.
    "channel_binding": ("disable", "prefer", "require"),
    "gssencmode": ("disable", "prefer"),
}
# What the driver reads from the address itself.
_DRIVERS = frozenset(
    {
        *("host", "port", "dbname", "database", "user", "password", "passfile", "target_session_attrs"),
        *("sslmode", "sslcert", "sslkey", "sslrootcert", "sslcrl", "sslpassword", "sslnegotiation"),
        *("ssl_min_protocol_version", "ssl_max_protocol_version", "krbsrvname", "gsslib"),
    }
)
# What the server gets when a connection begins.
_SERVERS = frozenset({"application_name", "options"})
# What has been seen to: texts are UTF-8, and a server that goes silent is noticed by deadlines of our own.
_SEEN_TO = frozenset(
    {
        *("channel_binding", "gssencmode", "client_encoding", "fallback_application_name"),
        *("keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout"),
    }
)
_SPELLINGS: Mapping[str, str] = {"ssl": "sslmode", "prepared_statement_cache_size": "statement_cache_size"}
_NUMBERS = frozenset({"connect_timeout", "statement_cache_size"})


def connection_arguments(url: str) -> dict[str, Any]:
    """What `asyncpg.connect` takes for this address. Raises ValueError with a sentence that names no secret."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise ValueError(f"DATABASE_URL cannot be read: {error}") from None
    if parts.scheme not in SCHEMES:
        raise ValueError(f"DATABASE_URL: {parts.scheme}:// is not known; write postgresql://")
    given = {_SPELLINGS.get(name, name): value for name, value in parse_qsl(parts.query)}
    known = _DRIVERS | _SERVERS | _SEEN_TO | _NUMBERS
    for name, value in given.items():
        if name not in known:
            raise ValueError(f"DATABASE_URL: the parameter {name} is not known; known are {', '.join(sorted(known))}")
        if name in _CHOICES and value not in _CHOICES[name]:
            raise ValueError(f"DATABASE_URL: {name} must be one of {', '.join(_CHOICES[name])}")
        if name in _NUMBERS and not value.isdigit():
            raise ValueError(f"DATABASE_URL: {name} must be a whole number")
    arguments: dict[str, Any] = {
        # As with libpq, 0 is no limit of the caller's.
        "timeout": float(given.get("connect_timeout", 0)) or CONNECT_SECONDS,
        "server_settings": {
            "application_name": given.get("fallback_application_name", "orchestrator"),
            **{name: given[name] for name in _SERVERS & given.keys()},
        },
    }
    if "statement_cache_size" in given:
        arguments["statement_cache_size"] = int(given["statement_cache_size"])
    if given.get("channel_binding") == "require" and given.get("sslmode") in (None, "allow", "prefer"):
        given["sslmode"] = "require"
    if given.get("sslrootcert") == "system":
        # As with libpq: the certificates of the machine, and the server must be the one that is named.
        del given["sslrootcert"]
        arguments["ssl"] = ssl.create_default_context()
    for_driver = {name: value for name, value in given.items() if name in _DRIVERS}
    query = "?" + urlencode(for_driver, quote_via=quote) if for_driver else ""
    arguments["dsn"] = f"postgresql://{parts.netloc}{parts.path}{query}"
    return arguments
