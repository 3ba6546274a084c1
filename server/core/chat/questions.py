"""Questions: what somebody asks, and what may be asked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from server.core.shared.free_form import check_object
from server.errors import InvalidRequest

MAX_MESSAGE_BYTES = 64 << 10
MAX_CONTEXT_BYTES = 16 << 10
MAX_SESSION = 200
# How many of a conversation may wait.
MOST_QUEUED = 20
MAX_MODEL = 200
MAX_TOKENS = 128_000
MODES = ("lite", "balanced", "quality")
BALANCED = "balanced"
# A session's name stands in paths.
_SESSION = re.compile(r"[^\x00-\x1f\x7f/\\\ud800-\udfff]+")


class OnConflict(StrEnum):
    """What becomes of a question while another one of its conversation is being answered."""

    ENQUEUE = "enqueue"
    REJECT = "reject"
    INTERRUPT = "interrupt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What somebody asks. Fields are called as the chat API's document calls them."""

    message: str
    # What its owner calls the conversation; a new one where it is empty.
    session_id: str = ""
    # An object about whoever asks.
    user_context: bytes | None = None
    optimization_mode: str = ""
    swarm_type: str = ""
    model: str = ""
    use_memory: bool = False
    on_conflict: str = ""
    max_tokens: int | None = None

    async def check(self, swarms: tuple[str, ...]) -> None:
        """Raises InvalidRequest where it could not be answered, whoever did it."""
        if not self.message.strip():
            raise InvalidRequest("message", "Required field missing" if not self.message else "must not be blank")
        if "\0" in self.message:
            raise InvalidRequest("message", "must not contain a NUL character")
        if len(self.message.encode("utf-8", "replace")) > MAX_MESSAGE_BYTES:
            raise InvalidRequest("message", f"must have at most {MAX_MESSAGE_BYTES >> 10} KiB")
        check_session(self.session_id, empty=True)
        for name, value, known in (
            ("optimization_mode", self.optimization_mode, MODES),
            ("swarm_type", self.swarm_type, swarms),
            ("on_conflict", self.on_conflict, tuple(OnConflict)),
        ):
            if value and value not in known:
                raise InvalidRequest(name, f"must be one of {', '.join(known)}")
        if len(self.model) > MAX_MODEL:
            raise InvalidRequest("model", f"must have at most {MAX_MODEL} characters")
        if self.max_tokens is not None and not 1 <= self.max_tokens <= MAX_TOKENS:
            raise InvalidRequest("max_tokens", f"must be from 1 to {MAX_TOKENS}")
        if self.user_context is not None:
            await check_object(self.user_context, "user_context", MAX_CONTEXT_BYTES)


def check_session(name: str, *, empty: bool = False, field: str = "session_id") -> None:
    """Raises InvalidRequest where a conversation cannot be called so."""
    if empty and not name:
        return
    if not name.strip() or len(name) > MAX_SESSION or not _SESSION.fullmatch(name) or name in (".", ".."):
        raise InvalidRequest(
            field, f"must have 1 to {MAX_SESSION} characters, none of them a slash, a backslash or a control character"
        )
