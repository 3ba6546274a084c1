"""Hours: when an agent works, by the clock of its time zone.

One that is out of its hours gets nothing new, and claims nothing; what it does goes on. `off_duty` says so of its row,
which `agents/shifts` turns, and `shift_at` when that may change.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from server.errors import InvalidRequest
from server.model import Agent

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
FIELD = "working_hours"
MAX_BYTES = 4096
_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)

# The same as `on_duty`, for statements over agents.
ON_DUTY = Agent.table().c.off_duty.is_(False)


def on_duty(agent: Agent) -> bool:
    """Whether an agent's working hours let it take something new."""
    return not agent.off_duty


@dataclass(frozen=True, slots=True)
class WorkingHours:
    """A shift that begins on some days of the week; one that ends before its start ends on the next day."""

    zone: ZoneInfo
    start: time
    end: time
    # 0 for Monday.
    days: frozenset[int]

    def on_duty(self, now: int) -> bool:
        """Whether a shift is on; `now` in microseconds since 1970."""
        return any(began <= now < ended for began, ended in self._shifts(now))

    def next_change(self, now: int) -> int:
        """When that may next be otherwise."""
        return min(moment for shift in self._shifts(now) for moment in shift if moment > now)

    def _shifts(self, now: int) -> Iterator[tuple[int, int]]:
        """The shifts of yesterday, today and the coming eight days."""
        today = datetime.fromtimestamp(now / 1_000_000, self.zone).date()
        for number in range(-1, 9):
            day = today + timedelta(days=number)
            if day.weekday() in self.days:
                following = day if self.end > self.start else day + timedelta(days=1)
                yield self._moment(day, self.start), self._moment(following, self.end)

    def _moment(self, day: date, at: time) -> int:
        # Where clocks are put forward over it, it is as much later; where they show it twice, it is the first.
        return int(datetime.combine(day, at, self.zone).timestamp()) * 1_000_000


def read_hours(written: object) -> str:
    """Working hours as an agent keeps them. Raises InvalidRequest, naming the field, where nobody could keep them."""
    if not isinstance(written, Mapping):
        raise InvalidRequest(FIELD, "must be an object with timezone, start, end and days")
    unknown = sorted(written.keys() - {"timezone", "start", "end", "days"})
    if unknown:
        raise InvalidRequest(f"{FIELD}.{unknown[0][:100]}", "is unknown; there are timezone, start, end and days")
    hours: dict[str, Any] = {"timezone": _zone(written.get("timezone", "UTC")).key}
    for name in ("start", "end"):
        if not isinstance(at := written.get(name), str) or _TIME.fullmatch(at) is None:
            raise InvalidRequest(f"{FIELD}.{name}", "must be a time of the day from 00:00 to 23:59, such as 09:00")
        hours[name] = at
    if hours["start"] == hours["end"]:
        raise InvalidRequest(f"{FIELD}.end", "must differ from start; an agent without working hours always works")
    if written.get("days") is not None:
        hours["days"] = _days(written["days"])
    return json.dumps(hours, separators=(",", ":"))


def hours_of(kept: str | None) -> WorkingHours | None:
    """The working hours that an agent keeps; None where it always works, or its zone is known no more."""
    if not kept:
        return None
    hours = json.loads(kept)
    try:
        zone = _zone(hours["timezone"])
    except InvalidRequest:
        return None
    start, end = (time.fromisoformat(hours[name]) for name in ("start", "end"))
    return WorkingHours(zone, start, end, frozenset(DAYS.index(day) for day in hours.get("days", DAYS)))


def duty(kept: str | None, now: int) -> dict[str, Any]:
    """The columns of an agent that follow from its working hours now."""
    hours = hours_of(kept)
    if hours is None:
        return {"off_duty": False, "shift_at": None}
    return {"off_duty": not hours.on_duty(now), "shift_at": hours.next_change(now)}


def _zone(name: object) -> ZoneInfo:
    try:
        return ZoneInfo(name)  # type: ignore[arg-type]
    except (ZoneInfoNotFoundError, ValueError, TypeError, AttributeError, OSError):
        raise InvalidRequest(
            f"{FIELD}.timezone", "must be the name of a time zone, such as Europe/Berlin or UTC"
        ) from None


def _days(written: object) -> list[str]:
    known = isinstance(written, list) and all(isinstance(day, str) and day.lower() in DAYS for day in written[:8])
    if not known or not isinstance(written, list) or not 0 < len(written) <= len(DAYS):
        raise InvalidRequest(f"{FIELD}.days", f"must be some of {', '.join(DAYS)}")
    return sorted({day.lower() for day in written}, key=DAYS.index)
