"""Every error that a caller is meant to see; anything else that is raised is a bug."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from typing import ClassVar

Details = Mapping[str, object]
_DIGITS = re.compile("[0-9a-f]{32}")


class ServiceError(Exception):
    """An error with a reason that programs branch on, a message for people and details for both.

    `reason` is printed as the error code by APIs that have no word of their own for it; `kind` is the family that
    decides the gRPC status and the HTTP status.
    """

    kind: ClassVar[str] = "internal"
    reason: str = "INTERNAL_ERROR"

    def __init__(self, message: str, *, reason: str | None = None, details: Details | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.details: dict[str, object] = dict(details or {})
        if reason is not None:
            self.reason = reason


class InvalidRequest(ServiceError):
    """A field of the request is missing or wrong."""

    kind = "invalid"
    reason = "INVALID_REQUEST"

    def __init__(self, field: str, issue: str, *, details: Details | None = None) -> None:
        super().__init__(f"{field}: {issue}", details={"field": field, "issue": issue, **(details or {})})


class Unauthorized(ServiceError):
    """No key, or one that is wrong, revoked or expired."""

    kind = "unauthenticated"
    reason = "UNAUTHORIZED"


class Forbidden(ServiceError):
    """The key is good and lacks the scope."""

    kind = "forbidden"
    reason = "FORBIDDEN"


class NotFound(ServiceError):
    """No such row in the caller's organization."""

    kind = "not_found"
    reason = "NOT_FOUND"

    def __init__(self, resource: str, identifier: str) -> None:
        shown = identifier if len(identifier) <= 100 else identifier[:100] + "…"
        if _DIGITS.fullmatch(shown):
            # Digits alone are how the store names it; callers know it with its prefix.
            shown = f"{resource}_{shown}"
        super().__init__(f"{resource} {shown} was not found", details={"resource": resource, "id": shown})
        self.resource = resource


class Conflict(ServiceError):
    """The request is good and the resource is not in a state that allows it."""

    kind = "conflict"
    reason = "CONFLICT"


class VersionMismatch(ServiceError):
    """If-Match, or `version`, names a version that is no longer the current one."""

    kind = "precondition"
    reason = "VERSION_MISMATCH"

    def __init__(self, given: Collection[int], current: int) -> None:
        known = sorted(given)
        based = f"version {' or '.join(map(str, known))}" if known else "no version that there ever was"
        super().__init__(
            f"this change is based on {based}, and the current one is {current}",
            details={"given": known[0] if len(known) == 1 else known, "current": current},
        )


class SchemaTooNew(ServiceError):
    """A newer program has migrated the database, so this one must not touch it."""

    kind = "precondition"
    reason = "SCHEMA_TOO_NEW"


class Misconfigured(ServiceError):
    """Something on this machine has to be put right by its operator before a server can run."""

    kind = "precondition"
    reason = "MISCONFIGURED"


class TooMany(ServiceError):
    """A quota or a bound is used up; `retry_after` is in seconds, where waiting helps."""

    kind = "exhausted"
    reason = "RATE_LIMITED"

    def __init__(self, message: str, *, details: Details | None = None, retry_after: int | None = None) -> None:
        super().__init__(message, details=details)
        self.retry_after = retry_after


class CursorGone(ServiceError):
    """The feed no longer holds what follows the cursor, or never did."""

    kind = "gone"
    reason = "CURSOR_GONE"

    def __init__(self, after: int, start_after: int, newest: int) -> None:
        super().__init__(
            f"events after {after} are not all kept: start after {start_after}, the newest is {newest}",
            details={"after": after, "start_after": start_after, "newest": newest},
        )


class Unavailable(ServiceError):
    """Something that this request needs is not there now; trying again later may help."""

    kind = "unavailable"
    reason = "SERVICE_UNAVAILABLE"

    @property
    def retry_after(self) -> int:
        """After how many seconds."""
        said = self.details.get("retry_after")
        return max(1, math.ceil(said)) if isinstance(said, int | float) else 1


class SandboxUnavailable(Unavailable):
    """This server cannot confine deployed code, so it takes none."""

    reason = "SANDBOX_UNAVAILABLE"


class StorageFull(Unavailable):
    """The database cannot grow; nothing of the request was recorded."""

    reason = "STORAGE_FULL"


def service_error_in(error: BaseException) -> ServiceError | None:
    """The error that the caller is meant to see, also out of a task group; None for a bug."""
    if isinstance(error, BaseExceptionGroup):
        return next(filter(None, map(service_error_in, error.exceptions)), None)
    return error if isinstance(error, ServiceError) else None
