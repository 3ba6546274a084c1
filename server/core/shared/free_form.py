"""What callers give as free-form JSON: checked, and told in an API's words where it cannot be kept."""

from __future__ import annotations

from server import values
from server.errors import InvalidRequest


async def check_value(value: bytes, field: str, most: int = values.MAX_BYTES) -> None:
    """Raises InvalidRequest where a value is no value, too large, or nothing that every client could read back."""
    problem = await values.problem_in(value, field, most)
    if problem is not None:
        raise InvalidRequest(field, problem)


async def check_object(value: bytes, field: str, most: int = values.MAX_BYTES) -> None:
    """The same for what must be an object."""
    if not values.is_object(value):
        raise InvalidRequest(field, "must be an object")
    await check_value(value, field, most)
