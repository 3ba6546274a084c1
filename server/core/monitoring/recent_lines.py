"""Recent lines of the server's log, on their way into the store: bounded, and without anybody's secrets."""

from __future__ import annotations

import json
import re
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# How many lines wait at most; the oldest go first where nobody takes them.
MOST = 1000
# Of a line: how many fields, and how many characters a text of it has.
FIELDS, LONGEST = 20, 500
HIDDEN = "[hidden]"
LEVELS: Mapping[str, str] = {
    "debug": "debug",
    "info": "info",
    "warn": "warn",
    "warning": "warn",
    "error": "error",
    "exception": "error",
    "critical": "error",
    "fatal": "error",
}
# What lines have beside their own fields.
_OWN = frozenset({"event", "level", "timestamp", "exception", "exc_info", "stack"})
_SECRET_NAMES = re.compile(
    r"(?i)passw|secret|token|credential|authoriz|cookie|api_?key|^key$|private|signature",
)
_SECRETS = (
    (re.compile(r"(?i)\b(bearer|basic)\s+[^\s'\"]+"), rf"\1 {HIDDEN}"),
    (re.compile(r"://[^/\s@]*@"), f"://{HIDDEN}@"),
    (re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*"), HIDDEN),
    # Keys and tokens of this server, and of those that webhooks and models go to.
    (re.compile(r"\b(ak|agt|rt|sk|pk|whsec)[_-][\w-]{8,}"), HIDDEN),
    (
        re.compile(
            r"(?i)(password|passwd|secret|token|api[_-]?key|authorization)(['\"]?\s*[:=]\s*)(['\"]?)[^\s'\",&]+"
        ),
        rf"\1\2\3{HIDDEN}",
    ),
)


@dataclass(frozen=True, slots=True)
class RecentLine:
    """A line as it is kept; `fields` is a JSON object."""

    created_at: int
    level: str
    service: str
    organization_id: str
    message: str
    fields: str


class RecentLines:
    """Those of this process. Any thread may add to them."""

    def __init__(self, most: int = MOST) -> None:
        self._lines: deque[RecentLine] = deque(maxlen=most)

    def __len__(self) -> int:
        return len(self._lines)

    def keep(self, level: str, module: str, line: Mapping[str, Any], organization_id: str) -> None:
        """Keeps a line of structlog's that a module has written, in a call of this organization's or in nobody's."""
        given = [(str(name), value) for name, value in line.items() if name not in _OWN][:FIELDS]
        fields = {name: _shown(name, value) for name, value in given}
        if line.get("exception"):
            fields["exception"] = _exception(line["exception"])
        self._lines.append(
            RecentLine(
                created_at=time.time_ns() // 1000,
                level=LEVELS.get(level, "info"),
                service=service_of(module),
                organization_id=organization_id,
                message=clean(str(line.get("event", ""))),
                fields=json.dumps(fields, separators=(",", ":")),
            )
        )

    def take(self, most: int) -> list[RecentLine]:
        """The oldest lines, which are no longer here."""
        return [self._lines.popleft() for _ in range(min(most, len(self._lines)))]

    def put_back(self, lines: list[RecentLine]) -> None:
        """Has lines again that could not be kept elsewhere, as far as there is room."""
        room = (self._lines.maxlen or 0) - len(self._lines)
        self._lines.extendleft(reversed(lines[max(0, len(lines) - room) :] if room > 0 else []))


def service_of(module: str) -> str:
    """Which part of the server a module belongs to: a domain of core, a package beside it, or a library."""
    parts = module.split(".")
    if parts[0] != "server":
        return parts[0] or "server"
    if len(parts) > 2 and parts[1] == "core":
        return parts[2]
    return parts[1] if len(parts) > 2 and parts[1] != "running" else "server"


def clean(text: str) -> str:
    """A text of bounded length without what looks like a secret."""
    # A secret that is cut in the middle might not look like one.
    text = text[: 2 * LONGEST]
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text[:LONGEST]


def _shown(name: str, value: Any) -> Any:
    if _SECRET_NAMES.search(name):
        return HIDDEN
    if value is None or isinstance(value, bool | int | float):
        return value
    return clean(value if isinstance(value, str) else repr(value))


def _exception(found: Any) -> dict[str, str]:
    """What was raised, and where; what else a traceback shows may be a caller's."""
    last = found[0] if isinstance(found, list) and found else {}
    if not isinstance(last, Mapping):
        return {"type": clean(str(found))}
    frames = last.get("frames") or [{}]
    place = f"{str(frames[-1].get('filename', '')).rpartition('/')[2]}:{frames[-1].get('lineno', '')}"
    return {"type": str(last.get("exc_type", "")), "message": clean(str(last.get("exc_value", ""))), "at": place}
