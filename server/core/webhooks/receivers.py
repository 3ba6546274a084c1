"""Receivers: sends one delivery to its address and says what came of it, whatever the other side does.

A connection goes to the very address that was checked: names are looked up and checked here, and every socket is made
here, for an address that is checked once more. Redirects are not followed, no proxy of the environment is used, and
answers are neither unpacked nor kept beyond their start.
"""

from __future__ import annotations

import asyncio
import math
import socket
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from time import perf_counter, time
from typing import TYPE_CHECKING, Any

from server.core.webhooks.addresses import AddressGuard, Refused
from server.core.webhooks.queue import Outcome

if TYPE_CHECKING:
    import aiohttp

# How much of an answer is read, and how much of that is kept.
ANSWER_BYTES, KEPT_CHARACTERS = 64 << 10, 1024
IDLE_SECONDS = 30.0
USER_AGENT = "Orchestrator-Webhooks/1.0"
# Never sent by ourselves: answers must come as they are.
_LEFT_OUT = ("Accept-Encoding",)


class Receivers:
    """Connections to receivers, kept for a while for the next delivery."""

    def __init__(self, guard: AddressGuard, *, seconds: float) -> None:
        self._guard = guard
        self._seconds = seconds
        self._session: aiohttp.ClientSession | None = None

    async def send(self, url: str, body: bytes, headers: Mapping[str, str]) -> Outcome:
        """Posts `body`; whatever goes wrong with the receiver is an outcome, too."""
        import aiohttp  # noqa: PLC0415 — takes a quarter of a second, which servers without webhooks need not

        began = perf_counter()
        status, error, answer, retry_after = None, "", b"", None
        session = self._session = self._session or self._open()
        try:
            async with (
                asyncio.timeout(self._seconds),
                session.post(url, data=body, headers=headers, allow_redirects=False) as response,
            ):
                status, retry_after = response.status, _seconds(response.headers.get("retry-after", ""))
                answer = await _start(response.content)
        except TimeoutError:
            error = f"no answer within {self._seconds:g} seconds" if status is None else "the answer did not end"
        except (aiohttp.ClientError, OSError, ValueError) as problem:
            error = _reason(problem)
        return Outcome(
            status=status,
            latency_ms=round((perf_counter() - began) * 1000, 3),
            error=error,
            answer=answer.decode("utf-8", "replace").replace("\0", "\ufffd")[:KEPT_CHARACTERS],
            retry_after=retry_after,
        )

    async def close(self) -> None:
        """Closes what is open."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open(self) -> aiohttp.ClientSession:
        import aiohttp  # noqa: PLC0415
        from aiohttp.abc import AbstractResolver, ResolveResult  # noqa: PLC0415

        guard = self._guard

        class Checked(AbstractResolver):
            """Gives the addresses of a name, if all of them may be connected to."""

            async def resolve(
                self,
                host: str,
                port: int = 0,
                family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002
            ) -> list[ResolveResult]:
                return [
                    ResolveResult(
                        hostname=host,
                        host=address,
                        port=port,
                        family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                        proto=socket.IPPROTO_TCP,
                        flags=socket.AI_NUMERICHOST,
                    )
                    for address in await guard.addresses(host, port)
                ]

            async def close(self) -> None:
                """Nothing is kept."""

        def make_socket(information: tuple[Any, Any, int, str, Any]) -> socket.socket:
            family, kind, protocol, _, address = information
            # The last word: also of addresses that are written in the URL, which nobody looks up.
            guard.admit(str(address[0]))
            return socket.socket(family, kind, protocol)

        connector = aiohttp.TCPConnector(
            # How many there are is bounded by who sends.
            limit=0,
            use_dns_cache=False,
            resolver=Checked(),
            socket_factory=make_socket,
            keepalive_timeout=IDLE_SECONDS,
        )
        return aiohttp.ClientSession(
            connector=connector,
            # Cookies of one receiver must not go to another.
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": USER_AGENT},
            skip_auto_headers=_LEFT_OUT,
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None),
            trust_env=False,
        )


async def _start(content: aiohttp.StreamReader) -> bytes:
    """The start of an answer, of which so much is read at most."""
    start, read = b"", 0
    async for piece in content.iter_any():
        read += len(piece)
        if len(start) < 4 * KEPT_CHARACTERS:
            start += piece[: 4 * KEPT_CHARACTERS]
        if read > ANSWER_BYTES:
            # The connection is closed with the answer unread: it says nothing that anybody wants to know.
            break
    return start


def _reason(problem: BaseException) -> str:
    """Why there was no answer, in a sentence that holds nothing of ours."""
    refused: BaseException | None = problem
    while refused is not None:
        if isinstance(refused, Refused):
            return str(refused)
        refused = refused.__cause__
    return f"{type(problem).__name__}: {problem}"[:300].replace("\0", "\ufffd")


def _seconds(retry_after: str) -> float | None:
    """What Retry-After says, a number of seconds or a date, in seconds from now."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        seconds = parsedate_to_datetime(text).timestamp() - time()
    except (ValueError, TypeError, OverflowError):
        return None
    return max(0.0, seconds) if math.isfinite(seconds) else None
