"""Schedules: when a task runs, as its creator writes it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from server.errors import InvalidRequest

SHOWN_RUNS = 3
LOOKED_AT = 200
REMEMBERED = 4096
MAX_DELAY_SECONDS = 366 * 86_400
MICROSECOND = 1_000_000
# Sunday ends a week as well as it begins one.
_TO_SUNDAY = re.compile(r"(?<!SUN)-SUN\b", re.IGNORECASE)
_FIELDS = {"immediate": set(), "at": {"at"}, "delay": {"seconds"}, "cron": {"expression", "timezone"}}


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule that can be kept. Times are microseconds since 1970."""

    # As it was written, normalised; None for at once.
    written: dict[str, Any] | None
    # When the task may run; None where it recurs.
    ready_at: int | None
    # When a recurring task first runs.
    next_run_at: int | None = None


def parse(written: Mapping[str, Any] | None, now: int) -> Schedule:
    """Reads a schedule: `immediate` (or None), `at`, `delay` or `cron`. Raises InvalidRequest, naming the field."""
    given = {name: value for name, value in (written or {}).items() if value is not None}
    kind = given.pop("type", "immediate")
    if not isinstance(kind, str) or kind not in _FIELDS:
        raise InvalidRequest("schedule.type", f"must be one of {', '.join(_FIELDS)}")
    unknown = sorted(given.keys() - _FIELDS[kind])
    if unknown:
        raise InvalidRequest(f"schedule.{unknown[0]}", f"does not belong to a schedule of type {kind}")
    if kind == "at":
        at = _moment(given.get("at"))
        # What should have run long ago is no more urgent than what should run now.
        return Schedule({"type": "at", "at": given["at"]}, max(at, now))
    if kind == "delay":
        seconds = given.get("seconds")
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= MAX_DELAY_SECONDS:
            raise InvalidRequest("schedule.seconds", f"must be a number from 0 to {MAX_DELAY_SECONDS}")
        return Schedule({"type": "delay", "seconds": seconds}, now + int(seconds * MICROSECOND))
    if kind == "cron":
        written = {"type": "cron", "expression": given.get("expression"), "timezone": given.get("timezone", "UTC")}
        return Schedule(written, None, next_runs(written, now, 1)[0])
    return Schedule(None, now)


def next_runs(written: Mapping[str, Any], after: int, count: int = SHOWN_RUNS) -> list[int]:
    """The next times of a `cron` schedule after `after`. Raises InvalidRequest where it is wrong or never comes."""
    expression, name = written["expression"], written["timezone"]
    if not isinstance(expression, str) or len(expression) > 200 or len(expression.split()) != 5:
        raise InvalidRequest("schedule.expression", "must be a cron expression of five fields, such as */5 * * * *")
    try:
        zone = ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        raise InvalidRequest("schedule.timezone", "must be the name of a time zone, such as Europe/Berlin") from None
    try:
        runs = _runs(expression, zone, after, count)
    except CronSimError as error:
        raise InvalidRequest("schedule.expression", f"is not a cron expression: {error}") from None
    if not runs:
        raise InvalidRequest("schedule.expression", "never comes")
    return list(runs)


@lru_cache(REMEMBERED)
def _runs(expression: str, zone: ZoneInfo, after: int, count: int) -> tuple[int, ...]:
    """Three times that come once in 40 years each take ten milliseconds to find, and are shown again and again."""
    begin = datetime.fromtimestamp(after / MICROSECOND, zone)
    times = (int(run.timestamp()) * MICROSECOND for run in CronSim(_TO_SUNDAY.sub("-7", expression), begin))
    # In an hour that comes twice, a time may be given that has been there already.
    return tuple(islice((run for run in islice(times, LOOKED_AT) if run > after), count))


def _moment(text: object) -> int:
    try:
        moment = datetime.fromisoformat(text)  # type: ignore[arg-type]
        moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        microseconds = int(moment.timestamp() * MICROSECOND)
    except (TypeError, ValueError, OverflowError):
        raise InvalidRequest("schedule.at", "must be a time such as 2030-01-31T12:00:00Z") from None
    if not 0 <= microseconds < 1 << 53:
        raise InvalidRequest("schedule.at", "must be a time after 1970 and before 2255")
    return microseconds
