"""Quotas: how many requests a key may make, counted in memory, or in Redis for several processes."""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import dataclass, replace
from functools import lru_cache

import structlog
from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute, RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import FixedWindowRateLimiter

from server.core.shared.call_context import Caller
from server.errors import TooMany

# How long a request may wait for those who count together, and for how long none does once they have not answered.
TOGETHER_SECONDS, ALONE_SECONDS = 0.5, 5.0
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class QuotaWindow:
    """Where a key stands in its window; `reset` is in seconds since 1970."""

    limit: int
    remaining: int
    reset: int
    window: str = "hour"
    # Whether the answer says how long the window is.
    named: bool = False

    def headers(self) -> tuple[tuple[str, str], ...]:
        """As documented, in lower case as HTTP/2 wants them."""
        said = (
            ("x-ratelimit-limit", str(self.limit)),
            ("x-ratelimit-remaining", str(self.remaining)),
            ("x-ratelimit-reset", str(self.reset)),
        )
        return (*said, ("x-ratelimit-window", _SECONDS[self.window])) if self.named else said


class Quotas:
    """Counts requests. `requests_per_hour` is what a key gets that carries no figure of its own.

    Who cannot count together counts alone: quotas must neither take the service down nor slow it down. Whether those
    who count together can be reached again is tried now and then, by one request.
    """

    def __init__(self, *, redis_url: str, requests_per_hour: int) -> None:
        self._alone = FixedWindowRateLimiter(MemoryStorage())
        self._together: FixedWindowRateLimiter | None = None
        # What says that those who count together cannot be reached.
        self._away: tuple[type[Exception], ...] = (OSError,)
        self._alone_until = 0.0
        if redis_url:
            # It takes almost half a second to import, and few have one.
            from redis.exceptions import RedisError  # noqa: PLC0415

            storage = RedisStorage(f"async+{redis_url}", implementation="redispy")
            self._together = FixedWindowRateLimiter(storage)
            self._away = (OSError, RedisError)
        self._requests_per_hour = requests_per_hour

    async def take(
        self,
        caller: Caller,
        burst: int | None = None,
        *,
        api: str = "",
        hourly: bool = True,
        per_hour: int | None = None,
        at_once: int | None = None,
        named: bool = False,
    ) -> QuotaWindow:
        """Counts one request, of `burst` a minute where that is given. Raises Exhausted when none is left.

        The minutes of each `api` are its own; the hour is all APIs' together, but for those where `hourly` is false: it
        counts there only for a key with a figure of its own. `per_hour` is an API's own figure of the hour. `at_once`
        is how many of a minute's may come at once: a second has so many, and its share of the minute. Returns
        where the key stands in its hour, or there in its minute; `named` with how long that is.
        """
        per_hour = per_hour or self._requests_per_hour
        figure = caller.hourly_limit or (per_hour if hourly or burst is None else None)
        key = caller.counted_as or caller.key_id
        limit = None if figure is None else _hour(figure)
        minute = None if burst is None else _minute(burst, api)
        if at_once is not None and burst is not None:
            second = _second(at_once + math.ceil(burst / 60), api)
            if await self._is_too_fast(second, key):
                raise Exhausted(QuotaWindow(second.amount, 0, math.floor(time.time()) + 1, "second", named=named))
        counted = await self._count_together(limit, minute, key, hourly=hourly)
        if counted is None:
            counted = await self._count(self._alone, limit, minute, key, hourly=hourly)
        allowed, quota = counted
        if named:
            quota = replace(quota, named=True)
        if not allowed:
            raise Exhausted(quota)
        return quota

    async def _is_too_fast(self, second: RateLimitItemPerSecond, key: str) -> bool:
        """Whether a second has none left. Each process counts its own: others would hear of it when it is over."""
        return not await self._alone.hit(second, key)

    async def _count_together(
        self, hour: RateLimitItemPerHour | None, minute: RateLimitItemPerMinute | None, key: str, *, hourly: bool
    ) -> tuple[bool, QuotaWindow] | None:
        """The same as `_count`, for all processes; None where they cannot be reached."""
        now = time.monotonic()
        if self._together is None or now < self._alone_until:
            return None
        if self._alone_until:
            # Others need not wait with the one that tries it.
            self._alone_until = now + ALONE_SECONDS
        try:
            async with asyncio.timeout(TOGETHER_SECONDS):
                counted = await self._count(self._together, hour, minute, key, hourly=hourly)
        except self._away as error:
            if not self._alone_until:
                log.warning("Redis does not answer, so this process counts by itself", error=repr(error))
            self._alone_until = time.monotonic() + ALONE_SECONDS
            return None
        if self._alone_until:
            log.info("Redis answers, so processes count together again")
            self._alone_until = 0.0
        return counted

    @staticmethod
    async def _count(
        limiter: FixedWindowRateLimiter,
        hour: RateLimitItemPerHour | None,
        minute: RateLimitItemPerMinute | None,
        key: str,
        *,
        hourly: bool,
    ) -> tuple[bool, QuotaWindow]:
        """Whether a request is allowed, and where its key stands in the window that decides, or that counts here."""
        shown: RateLimitItem | None = hour if hourly or minute is None else minute
        allowed = True
        if minute is not None and not await limiter.hit(minute, key):
            shown, allowed = minute, False
        elif hour is not None and not await limiter.hit(hour, key):
            shown, allowed = hour, False
            if minute is not None:
                # What the hour refuses is given back to the minute.
                await limiter.hit(minute, key, cost=-1)
        assert shown is not None
        reset, remaining = await limiter.get_window_stats(shown, key)
        return allowed, QuotaWindow(shown.amount, remaining, int(reset), "minute" if shown is minute else "hour")


class Exhausted(TooMany):
    """The window's requests are used up."""

    def __init__(self, quota: QuotaWindow) -> None:
        wait = max(1, quota.reset - math.floor(time.time()))
        super().__init__(
            f"{quota.limit} requests {_A_WINDOW[quota.window]} are the limit of this key; "
            f"it is free again in {wait} seconds",
            details={"limit": quota.limit, "window": quota.window, "retry_after": wait},
            retry_after=wait,
        )
        self.quota = quota


_SECONDS = {"hour": "3600", "minute": "60", "second": "1"}
_A_WINDOW = {"hour": "an hour", "minute": "a minute", "second": "a second"}


@lru_cache(maxsize=1024)
def _hour(amount: int) -> RateLimitItemPerHour:
    return RateLimitItemPerHour(amount)


@lru_cache(maxsize=64)
def _minute(amount: int, api: str) -> RateLimitItemPerMinute:
    return RateLimitItemPerMinute(amount, namespace=f"LIMITER/{api}" if api else "LIMITER")


@lru_cache(maxsize=64)
def _second(amount: int, api: str) -> RateLimitItemPerSecond:
    return RateLimitItemPerSecond(amount, namespace=f"LIMITER/{api}")
