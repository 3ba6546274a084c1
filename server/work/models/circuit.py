"""A provider's circuit: who fails again and again is left alone for a while, and then asked by one call at first."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import structlog

from server.core.models.port import ModelUnavailable

# So many calls must fail one after the other, and so long is nobody asked then, in seconds.
FAILURES, PAUSE_SECONDS = 5, 15.0
CLOSED, OPEN, HALF_OPEN = "closed", "open", "half_open"
log = structlog.get_logger()


class Circuit:
    """Counts the calls to one provider that failed. A call that `enter` lets through must `leave`."""

    def __init__(self, provider: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._provider = provider
        self._clock = clock
        self._failures = 0
        # When it opened; None while it is closed.
        self._opened: float | None = None
        self._trial = False

    @property
    def state(self) -> str:
        """Which of closed, open and half_open it is."""
        if self._opened is None:
            return CLOSED
        return OPEN if self._left() > 0 else HALF_OPEN

    def enter(self) -> bool:
        """Whether this call is the one that tries whether the provider is back. Raises ModelUnavailable."""
        if self._opened is None:
            return False
        left = self._left()
        if left > 0 or self._trial:
            raise ModelUnavailable(
                f"{self._provider} has failed too often, and is not asked for now",
                details={"provider": self._provider, "retry_after": max(1, math.ceil(left))},
            )
        self._trial = True
        return True

    def alive(self) -> None:
        """The provider has begun to answer the call that tried: others may come, and one failure opens it again."""
        self._opened, self._trial, self._failures = None, False, FAILURES - 1

    def leave(self, trial: bool, good: bool | None) -> None:  # noqa: FBT001 — what `enter` said, and what came of it
        """The call has ended; None where that says nothing about the provider, as when its caller has gone."""
        if self._opened is not None and not trial:
            # Of a call that began before: whether the provider is back, the trial shows.
            return
        if trial:
            self._trial = False
        if good:
            self._opened, self._failures = None, 0
        elif good is not None:
            self._failures += 1
            if self._failures >= FAILURES:
                self._opened = self._clock()
                log.warning("a model provider is left alone", provider=self._provider, seconds=PAUSE_SECONDS)

    def _left(self) -> float:
        """Seconds until one call may try."""
        return 0.0 if self._opened is None else self._opened + PAUSE_SECONDS - self._clock()
