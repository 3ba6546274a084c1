"""Logging: one JSON line an event, on standard error."""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import os
import sys
import time
from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import Any

import structlog
from structlog.tracebacks import ExceptionDictTransformer

from server.core.monitoring.recent_lines import RecentLines
from server.core.monitoring.traffic import OUR_FAULT, Traffic
from server.store.acting import acting

# What this process has said that people may ask for.
LINES = RecentLines()
FLUSH_SECONDS = 0.05
FLUSH_LINES = 500


def configure(level: str) -> None:
    """Sets up structlog and the standard library's logging for this process."""
    threshold = logging.getLevelNamesMapping()[level]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            # Without the variables of the frames: they hold callers' keys and what their tasks are about.
            structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
            _keep,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=max(threshold, logging.WARNING), stream=sys.stderr, format="%(name)s: %(message)s")
    logging.getLogger().addHandler(_Keeper(logging.WARNING))
    logging.getLogger("grpc._cython.cygrpc").addFilter(_concerns_us)


def _keep(_logger: Any, level: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Keeps what is more than chatter."""
    if level != "debug":
        # Whoever logs is the first that is no part of structlog.
        frame, module = inspect.currentframe(), __name__
        while (module == __name__ or module.startswith("structlog.")) and frame and (frame := frame.f_back):
            module = frame.f_globals.get("__name__", "")
        LINES.keep(level, module, line, acting.get().organization_id)
    return line


class _Keeper(logging.Handler):
    """Keeps what libraries say."""

    def emit(self, record: logging.LogRecord) -> None:
        if _concerns_us(record):
            LINES.keep(record.levelname.lower(), record.name, {"event": record.getMessage()}, "")


def _concerns_us(record: logging.LogRecord) -> bool:
    """Whether gRPC says more than that a header is not UTF-8: that comes with a traceback, and from anybody."""
    return not str(record.msg).startswith("Invalid encoding on ")


class CallLog:
    """The line that every call gets.

    Lines are put together by hand and written together, at most 50 ms late: rendering and writing each by itself costs
    more than reading a row. A process that is killed loses those of its last 50 ms.
    """

    def __init__(self, level: str, traffic: Traffic | None = None) -> None:
        self._traffic = traffic or Traffic()
        self._wanted = logging.getLevelNamesMapping()[level] <= logging.INFO
        self._lines: list[str] = []
        self._second = 0
        self._stamp = ""

    def note(
        self,
        method: str,
        code: str,
        seconds: float,
        request_id: str,
        key: str,
        reason: str = "",
        *,
        streams: bool = False,
    ) -> None:
        """Adds a line, and counts what is no stream. Only `request_id` is somebody else's text."""
        if not streams:
            self._traffic.note(seconds, failed=code in OUR_FAULT)
        if not self._wanted:
            return
        second, millisecond = divmod(time.time_ns() // 1_000_000, 1000)
        if second != self._second:
            self._second = second
            self._stamp = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        because = f',"reason":"{reason}"' if reason else ""
        self._lines.append(
            f'{{"event":"call","level":"info","timestamp":"{self._stamp}.{millisecond:03}Z","method":"{method}",'
            f'"code":"{code}","ms":{seconds * 1000:.2f},"request_id":{json.dumps(request_id)},"key":"{key}"'
            f"{because}}}"
        )
        if len(self._lines) == 1:
            asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.flush)
        elif len(self._lines) >= FLUSH_LINES:
            self.flush()

    def flush(self) -> None:
        """Writes what there is."""
        if self._lines:
            lines, self._lines = self._lines, []
            os.write(sys.stderr.fileno(), ("\n".join(lines) + "\n").encode())
