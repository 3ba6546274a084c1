"""Quotas: how many requests a key may make, counted in memory, or in Redis for several processes."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from functools import lru_cache

import structlog
from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, RedisStorage, Storage
from limits.aio.strategies import FixedWindowRateLimiter
from redis.exceptions import RedisError

from server.core.call import Caller
from server.errors import TooMany

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a key stands in its window; `reset` is in seconds since 1970."""

    limit: int
    remaining: int
    reset: int
    window: str = "hour"

    def headers(self) -> tuple[tuple[str, str], ...]:
        """As documented, in lower case as HTTP/2 wants them."""
        return (
            ("x-ratelimit-limit", str(self.limit)),
            ("x-ratelimit-remaining", str(self.remaining)),
            ("x-ratelimit-reset", str(self.reset)),
        )


class Quotas:
    """Counts requests. `requests_per_hour` is what a key gets that carries no figure of its own."""

    def __init__(self, *, redis_url: str, requests_per_hour: int) -> None:
        storage: Storage = (
            RedisStorage(f"async+{redis_url}", implementation="redispy") if redis_url else MemoryStorage()
        )
        self._limiter = FixedWindowRateLimiter(storage)
        self._alone = FixedWindowRateLimiter(MemoryStorage())
        self._requests_per_hour = requests_per_hour

    async def take(self, caller: Caller, burst: int | None = None) -> Standing:
        """Counts one request, of `burst` a minute where that is given. Raises Exhausted when none is left.

        Returns where the key stands in its hour.
        """
        limit = _hour(caller.hourly_limit or self._requests_per_hour)
        try:
            allowed, standing = await self._count(self._limiter, limit, burst, caller.key_id)
        except (OSError, RedisError) as error:
            # Who cannot count together counts alone: quotas must not take the service down.
            log.warning("Redis does not answer, so this process counts by itself", error=str(error))
            allowed, standing = await self._count(self._alone, limit, burst, caller.key_id)
        if not allowed:
            raise Exhausted(standing)
        return standing

    @staticmethod
    async def _count(
        limiter: FixedWindowRateLimiter, limit: RateLimitItemPerHour, burst: int | None, key: str
    ) -> tuple[bool, Standing]:
        """Whether a request is allowed, and where its key stands in the window that decides."""
        minute = None if burst is None else _minute(burst)
        decides: RateLimitItem = limit
        if minute is not None and not await limiter.hit(minute, key):
            decides, allowed = minute, False
        else:
            allowed = await limiter.hit(limit, key)
            if minute is not None and not allowed:
                # What the hour refuses is given back to the minute.
                await limiter.hit(minute, key, cost=-1)
        reset, remaining = await limiter.get_window_stats(decides, key)
        return allowed, Standing(decides.amount, remaining, int(reset), "hour" if decides is limit else "minute")


class Exhausted(TooMany):
    """The window's requests are used up."""

    def __init__(self, standing: Standing) -> None:
        wait = max(1, standing.reset - math.floor(time.time()))
        super().__init__(
            f"{standing.limit} requests {_A_WINDOW[standing.window]} are the limit of this key; "
            f"it is free again in {wait} seconds",
            details={"limit": standing.limit, "window": standing.window, "retry_after": wait},
            retry_after=wait,
        )
        self.standing = standing


_A_WINDOW = {"hour": "an hour", "minute": "a minute"}


@lru_cache(maxsize=1024)
def _hour(amount: int) -> RateLimitItemPerHour:
    return RateLimitItemPerHour(amount)


@lru_cache(maxsize=64)
def _minute(amount: int) -> RateLimitItemPerMinute:
    return RateLimitItemPerMinute(amount)
