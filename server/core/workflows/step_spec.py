"""A workflow's steps: what they may be, and what their inputs may name."""

from __future__ import annotations

import base64
import itertools
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from server import values
from server.contents import Contents
from server.core.queue.creation import MAX_TIMEOUT_SECONDS
from server.core.queue.retry_policy import RetryPolicy
from server.core.shared.free_form import check_value
from server.core.workflows.expressions import MAX_LOOKED_AT, ReferenceMissing, looked_up, parts_of, references
from server.errors import InvalidRequest
from server.pace import Pace

MAX_STEPS = 100
MAX_ORDER = 1_000_000
MAX_CAPABILITIES = 32
# Of all steps together, in bytes.
MAX_INPUTS = values.MAX_BYTES
# Of all steps together, with those that stand for themselves.
MAX_REFERENCES = 1000
Step = dict[str, Any]

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_KEYS = frozenset({"id", "name", "agent_type", "order", "capabilities", "input", "timeout_seconds", "retry"})
_RETRY_KEYS = frozenset({"max_retries", "initial_delay", "multiplier", "max_delay", "jitter"})


async def checked_steps(steps: Sequence[Mapping[str, Any]]) -> list[Step]:
    """The steps with their defaults filled in. Raises InvalidRequest for the field at fault."""
    if not 0 < len(steps) <= MAX_STEPS:
        raise InvalidRequest("steps", f"must be 1 to {MAX_STEPS} steps")
    known = [await _checked(step, index) for index, step in enumerate(steps)]
    _give_ids(known)
    if sum(len(step.get("input", b"")) for step in known) > MAX_INPUTS:
        raise InvalidRequest("steps", f"have inputs of more than {MAX_INPUTS} bytes together")
    await _check_references(known)
    return known


def steps_text(steps: Sequence[Step]) -> str:
    """Checked steps as a workflow keeps them: JSON, in which inputs are base64."""
    written = [
        {**step, "input": base64.b64encode(step["input"]).decode()} if "input" in step else step for step in steps
    ]
    return json.dumps(written, separators=(",", ":"), ensure_ascii=False)


def steps_in(text: str) -> list[Step]:
    """The steps that `steps_text` has written."""
    steps: list[Step] = json.loads(text)
    for step in steps:
        if "input" in step:
            step["input"] = base64.b64decode(step["input"])
    return steps


async def check_parameters(steps: Sequence[Step], parameters: Contents, pace: Pace) -> None:
    """Raises InvalidRequest for a parameter that some step's input names and that is not given."""
    context = {"parameters": parameters}
    for step in steps:
        async for path in references(step.get("input"), pace):
            if path is not None and parts_of(path)[0] == "parameters":
                try:
                    await looked_up(path, context, pace)
                except ReferenceMissing:
                    raise InvalidRequest(path.strip(), f"is not given, and step {step['id']} needs it") from None
        await pace.turn()


async def steps_named(template: bytes, pace: Pace) -> set[str]:
    """The ids of the steps whose outputs a checked input names."""
    paths = [parts_of(path) async for path in references(template, pace) if path is not None]
    return {parts[1] for parts in paths if parts[0] == "steps"}


async def _checked(step: Mapping[str, Any], index: int) -> Step:
    place = f"steps[{index}]"
    unknown = sorted(step.keys() - _KEYS)
    if unknown:
        raise InvalidRequest(f"{place}.{unknown[0]}", "is no field of a step")
    known: Step = {
        "id": step.get("id") or "",
        "name": step.get("name") or "",
        "agent_type": step.get("agent_type") or "",
        "order": index + 1 if step.get("order") is None else step["order"],
    }
    if known["id"] and not (isinstance(known["id"], str) and _ID.fullmatch(known["id"])):
        raise InvalidRequest(f"{place}.id", "must be 1 to 64 letters, digits, hyphens and underscores")
    if not isinstance(known["name"], str) or len(known["name"]) > 200:
        raise InvalidRequest(f"{place}.name", "must have at most 200 characters")
    if not isinstance(known["agent_type"], str) or not 0 < len(known["agent_type"].strip()) <= 100:
        raise InvalidRequest(f"{place}.agent_type", "must have 1 to 100 characters")
    if not _is_integer(known["order"]) or not 0 <= known["order"] <= MAX_ORDER:
        raise InvalidRequest(f"{place}.order", f"must be a whole number from 0 to {MAX_ORDER}")
    if step.get("capabilities"):
        known["capabilities"] = _capabilities(step["capabilities"], place)
    if "input" in step:
        await check_value(step["input"], f"{place}.input")
        known["input"] = step["input"]
    timeout = step.get("timeout_seconds")
    if timeout is not None:
        if not _is_number(timeout) or not 0 < timeout <= MAX_TIMEOUT_SECONDS:
            raise InvalidRequest(f"{place}.timeout_seconds", f"must be more than 0 and at most {MAX_TIMEOUT_SECONDS:g}")
        known["timeout_seconds"] = timeout
    if step.get("retry") is not None:
        known["retry"] = _retry(step["retry"], place)
    return known


def _capabilities(given: Any, place: str) -> list[str]:
    words = given if isinstance(given, list | tuple) else []
    good = all(isinstance(word, str) and 0 < len(word.strip()) <= 100 for word in words)
    if not words or len(words) > MAX_CAPABILITIES or not good:
        raise InvalidRequest(
            f"{place}.capabilities", f"must be at most {MAX_CAPABILITIES} words of 1 to 100 characters"
        )
    return sorted({word.strip() for word in words})


def _retry(given: Any, place: str) -> dict[str, float]:
    if not isinstance(given, Mapping):
        raise InvalidRequest(f"{place}.retry", "must be an object")
    for name, value in given.items():
        if name not in _RETRY_KEYS:
            raise InvalidRequest(f"{place}.retry.{name}", "is no field of a retry policy")
        if not _is_number(value) or (name == "max_retries" and not _is_integer(value)):
            raise InvalidRequest(f"{place}.retry.{name}", "must be a number")
    try:
        RetryPolicy(**given).check()
    except InvalidRequest as error:
        raise InvalidRequest(f"{place}.{error.details['field']}", str(error.details["issue"])) from None
    return dict(given)


def _give_ids(steps: Sequence[Step]) -> None:
    """Gives ids to the steps that have none: their places. Raises InvalidRequest where two have the same."""
    taken: set[str] = set()
    for index, step in enumerate(steps):
        if step["id"] in taken:
            raise InvalidRequest(f"steps[{index}].id", f"another step has the id {step['id']!r}")
        if step["id"]:
            taken.add(step["id"])
    for index, step in enumerate(steps, 1):
        if not step["id"]:
            step["id"] = next(name for n in itertools.count(index) if (name := f"step_{n}") not in taken)
            taken.add(step["id"])


async def _check_references(steps: Sequence[Step]) -> None:
    """Raises InvalidRequest where inputs name what they may not, or too much."""
    orders = {step["id"]: step["order"] for step in steps}
    pace, left = Pace(), MAX_REFERENCES
    for index, step in enumerate(steps):
        field = f"steps[{index}].input"
        try:
            async for path in references(step.get("input"), pace, MAX_LOOKED_AT):
                left -= 1
                if left < 0:
                    raise InvalidRequest(
                        field,
                        f"has too many references: with this one, of step {step['id']}, the workflow has more than the "
                        f"{MAX_REFERENCES} that all its steps may have together",
                    )
                if path is not None:
                    _check_reference(field, path, step, orders)
        except ValueError as error:
            raise InvalidRequest(field, f"has expressions, and {error}") from None


def _check_reference(field: str, path: str, step: Step, orders: Mapping[str, int]) -> None:
    parts = parts_of(path)
    if parts[0] == "parameters":
        return
    if parts[0] != "steps":
        raise InvalidRequest(field, f"${{{path}}} must begin with parameters or steps")
    if len(parts) < 3 or parts[2] != "output":
        raise InvalidRequest(field, f"${{{path}}} must read ${{steps.<id>.output}}, or name something in it")
    if parts[1] not in orders:
        raise InvalidRequest(field, f"${{{path}}} names a step that is not there: {parts[1]!r}")
    if orders[parts[1]] >= step["order"]:
        later = "the same" if orders[parts[1]] == step["order"] else "a later"
        raise InvalidRequest(
            field,
            f"${{{path}}} names a step of {later} order, and each would have to wait for the other: that is a cycle; "
            f"give {parts[1]!r} an order below {step['order']}",
        )


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
