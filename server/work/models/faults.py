"""What can go wrong with one attempt to ask a provider: which error that is, and what else follows from it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from server.core.models.port import ModelFailed, ModelRefused, ModelTimeout, ModelUnavailable
from server.errors import ServiceError
from server.work.models.table import Configured

_WORDS = 300
# Where providers write what is wrong, the innermost word last; how deep that is.
_SAYING = ("error", "message", "detail", "errors", "msg", "error_description")
_DEEPEST = 8
# What looks like a key, as providers repeat those that they do not know.
_KEYS = re.compile(r"(?i)\b(?:sk|pk|gsk|rk|key|bearer)[-_ ][\w.*-]{6,}")
# Of the 4xx those after which the same request may succeed: too slow, in conflict, too early, too many.
_TRANSIENT = frozenset({408, 409, 425, 429})


class Fault(Exception):
    """An attempt that failed. `again` says whether another may succeed.

    `counts` says whether it shows that the provider is not there. It is left alone for everybody then, so what may be
    due to one model, one prompt or one asker does not count: what goes wrong with an answer that has begun, and what
    nobody can read.
    """

    def __init__(
        self, error: ServiceError, *, again: bool = False, counts: bool = True, retry_after: float | None = None
    ) -> None:
        super().__init__(error.message)
        self.error = error
        self.again = again
        self.counts = counts
        # How many seconds the provider wants to be left alone for, where it says so.
        self.retry_after = retry_after


def unreached(provider: Configured) -> Fault:
    """No connection, or none that held until an answer began."""
    return Fault(ModelUnavailable(f"{provider.name} cannot be reached", details=_of(provider)), again=True)


def broken_off(provider: Configured) -> Fault:
    """The answer began and did not end."""
    error = ModelFailed(f"{provider.name} broke off in the middle of its answer", details=_of(provider))
    return Fault(error, again=True, counts=False)


def unreadable(provider: Configured, what: str) -> Fault:
    """An answer that cannot be understood."""
    error = ModelFailed(f"the answer of {provider.name} cannot be read: {what}", details=_of(provider))
    return Fault(error, counts=False)


def late(provider: Configured, what: str, *, began: bool) -> Fault:
    """Nothing, or not all of what had begun, came in time."""
    return Fault(ModelTimeout(f"{provider.name} {what}", details=_of(provider)), counts=not began)


def unfit(provider: Configured, what: str) -> Fault:
    """A request that cannot even be sent."""
    return Fault(ModelRefused(f"{provider.name} cannot be asked this: {what}", details=_of(provider)), counts=False)


def answered(
    provider: Configured, status: int, body: object, headers: Mapping[str, str], *, began: bool = False
) -> Fault:
    """The provider answered an error, over HTTP or in a stream that had begun well."""
    name, details = provider.name, {**_of(provider), "status": status}
    said = _said(body, provider)
    if status == 401:
        where = f"see {provider.kind.key}" if provider.kind.key else "it wants one, and none can be set"
        return Fault(ModelRefused(f"{name} does not accept its key: {where}", details=details), counts=False)
    if status >= 500 or status in _TRANSIENT:
        wait = retry_after(headers)
        if wait is not None:
            details["retry_after"] = math.ceil(wait)
        word = "has too much to do" if status == 429 else "failed"
        error = ModelUnavailable(f"{name} {word} ({status}{said})", details=details)
        # Waiting does not pay for what has been used up.
        again = "insufficient_quota" not in _codes(body)
        return Fault(error, again=again, counts=not began, retry_after=wait)
    if status < 400:
        # The key is for the address that was configured, and goes nowhere else.
        where = f": see {provider.kind.address}" if provider.kind.address else ""
        return Fault(
            ModelFailed(f"{name} sends its callers elsewhere ({status}){where}", details=details), counts=False
        )
    return Fault(ModelRefused(f"{name} refuses the request ({status}{said})", details=details), counts=False)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the answer asks to wait for, by whichever header says so."""
    try:
        if exact := headers.get("retry-after-ms", ""):
            seconds = float(exact) / 1000
        else:
            given = headers.get("retry-after", "").strip()
            if not given:
                return None
            seconds = float(given) if given[0].isdigit() else _until(given)
    except (ValueError, OverflowError):
        return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


def cleaned(text: str, provider: Configured) -> str:
    """A text of others, short, in one line and without keys."""
    if key := provider.key.get_secret_value():
        text = text.replace(key, "…")
    text = "".join(each if each.isprintable() else " " for each in text[: 4 * _WORDS])
    text = " ".join(_KEYS.sub("…", text).split())
    return text if len(text) <= _WORDS else text[:_WORDS] + "…"


def _until(date: str) -> float:
    when = parsedate_to_datetime(date)
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() - datetime.now(UTC).timestamp()


def _of(provider: Configured) -> dict[str, object]:
    return {"provider": provider.name}


def _codes(body: object) -> set[object]:
    """The words that an error is known by."""
    inner = body.get("error", body) if isinstance(body, Mapping) else {}
    found = [inner.get("code"), inner.get("type")] if isinstance(inner, Mapping) else []
    return {each for each in found if isinstance(each, str)}


def _said(body: object, provider: Configured) -> str:
    """The message of an error, short and without keys, as `: message`; empty where it has none for people."""
    for _ in range(_DEEPEST):
        if isinstance(body, str):
            if not body.lstrip().startswith(("{", "[")):
                break
            try:
                # An error of whoever stands behind the provider, or one that nobody has read yet.
                body = json.loads(body)
            except (ValueError, RecursionError):
                break
        elif isinstance(body, list):
            body = body[0] if body else None
        elif isinstance(body, Mapping):
            beside = body.get("metadata")
            raw = beside.get("raw") if isinstance(beside, Mapping) else None
            body = raw or next((found for name in _SAYING if (found := body.get(name))), None)
        else:
            return ""
    if not isinstance(body, str) or body.lstrip().startswith("<"):
        return ""
    text = cleaned(body, provider)
    return f": {text}" if text else ""
