"""Retries: how often a task that failed is tried again, and how long to wait in between."""

from __future__ import annotations

import json
import random
from dataclasses import asdict, dataclass

from server.errors import InvalidRequest

MAX_RETRIES = 100
MAX_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How a failed attempt is followed by another one; delays in seconds."""

    max_retries: int = 0
    initial_delay: float = 1.0
    multiplier: float = 2.0
    max_delay: float = 300.0
    # The share of the delay that chance decides, so that those who failed together do not come back together.
    jitter: float = 0.2

    def check(self) -> None:
        """Raises InvalidRequest for the field at fault."""
        bounds = {
            "max_retries": (0, MAX_RETRIES),
            "initial_delay": (0, MAX_SECONDS),
            "multiplier": (1, 100),
            "max_delay": (0, MAX_SECONDS),
            "jitter": (0, 1),
        }
        for name, (least, most) in bounds.items():
            if not least <= getattr(self, name) <= most:
                raise InvalidRequest(f"retry.{name}", f"must be from {least:g} to {most:g}")

    def delay(self, failures: int) -> float:
        """How long to wait after the attempt that was the `failures`th to fail."""
        exponent = min(failures - 1, 64)
        longest = min(self.initial_delay * self.multiplier**exponent, self.max_delay)
        return longest * (1 - self.jitter * random.random())  # noqa: S311

    def text(self) -> str:
        """As it is stored."""
        return json.dumps(asdict(self), separators=(",", ":"))


def policy_from(text: str) -> RetryPolicy:
    """The policy that `text` stores."""
    return RetryPolicy(**json.loads(text))
