"""Passwords: how they are kept, compared, and found too easy to guess, never in the event loop."""

from __future__ import annotations

import asyncio
import os
import threading
import unicodedata
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from server.errors import InvalidRequest, Unavailable

T = TypeVar("T")
MAX_CHARACTERS = 200
LEAST_CHARACTERS = 8
# Of zxcvbn's 0 to 4: so many guesses that whoever has stolen the hashes needs long for each.
LEAST_SCORE = 3
# It looks at no more; the rest makes a password no easier to guess.
SCORED_CHARACTERS = 72
# Whom a server in development lets in, as the document has it.
DEVELOPMENT_ADMIN = ("admin@orchestrator.com", "admin123")
# What OWASP asks of argon2id at least.
MEMORY_KIB, PASSES, LANES = 19 * 1024, 2, 1
# How many may wait for a thread: each has to wait for those before it.
WAITING = 64
# Other threads come first: a login may wait, and all other requests together should not.
NICENESS = 10
# Compared with where there is no such user, so that it takes as long. It is the hash of a text that nobody knows.
_NOBODYS = "$argon2id$v=19$m=19456,t=2,p=1$xbMSrC6JkLnO5turjcsjCA$8BNrDRO2HLd7yXQBWlW1RTeGmdnqW540KLdR5fcciL8"


class Passwords:
    """Hashes, compares and judges passwords in threads of its own; a hash takes `memory_kib`."""

    def __init__(self, memory_kib: int = MEMORY_KIB) -> None:
        self._memory_kib = memory_kib
        self._threads = ThreadPoolExecutor(
            max(1, (os.cpu_count() or 1) // 2), thread_name_prefix="passwords", initializer=_step_back
        )
        self._waiting = 0

    async def hash(self, password: str) -> str:
        """What is kept of a password."""
        return await self._run(lambda: _hasher(self._memory_kib).hash(_normal(password)))

    async def matches(self, kept: str, password: str) -> bool:
        """Whether it is the one that `kept` was made of; nothing matches an empty one, which takes as long."""
        # What is too long to be one is not made normal, which takes longer the longer it is.
        short = password[:MAX_CHARACTERS]
        right = await self._run(lambda: _matches(kept or _NOBODYS, short))
        return right and bool(kept) and short == password

    async def check_strength(self, field: str, password: str, about: Sequence[str]) -> None:
        """Raises InvalidRequest where it is too short or too easy to guess for who knows these words."""
        if len(password) < LEAST_CHARACTERS:
            raise InvalidRequest(field, f"must have at least {LEAST_CHARACTERS} characters")
        if len(password) > MAX_CHARACTERS:
            raise InvalidRequest(field, f"must have at most {MAX_CHARACTERS} characters")
        score, advice = await self._run(lambda: _score(password, about))
        if score < LEAST_SCORE:
            raise InvalidRequest(field, f"is too easy to guess. {advice}".strip())

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= WAITING:
            raise Unavailable("too many passwords wait to be looked at; try again")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Ends the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _step_back() -> None:
    if os.uname().sysname == "Linux":
        # Here a thread has a niceness of its own.
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


def _hasher(memory_kib: int = MEMORY_KIB) -> Any:
    # Servers that nobody logs in to need none of it.
    from argon2 import PasswordHasher  # noqa: PLC0415

    return PasswordHasher(time_cost=PASSES, memory_cost=memory_kib, parallelism=LANES)


def _matches(kept: str, password: str) -> bool:
    from argon2.exceptions import InvalidHashError, VerificationError  # noqa: PLC0415

    try:
        return bool(_hasher().verify(kept, _normal(password)))
    except (VerificationError, InvalidHashError):
        return False


def _score(password: str, about: Sequence[str]) -> tuple[int, str]:
    from zxcvbn import zxcvbn  # noqa: PLC0415

    found = zxcvbn(password[:SCORED_CHARACTERS], user_inputs=[each[:SCORED_CHARACTERS] for each in about if each])
    feedback = found["feedback"]
    advice = [feedback["warning"], *feedback["suggestions"]]
    return found["score"], " ".join(each.rstrip(".") + "." for each in advice if each)


def _normal(password: str) -> bytes:
    """One spelling for what keyboards write in several."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
