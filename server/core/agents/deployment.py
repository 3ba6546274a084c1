"""Deployments: what new code and requirements must be, and how an agent keeps them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from server.core.agents.entry_point import CodeError
from server.core.agents.entry_subprocess import entry_in
from server.core.agents.requirements import RequirementError, check_requirements
from server.errors import InvalidRequest


async def entry_text(code: str, entry_function: str) -> str:
    """The entry function of new code, as an agent keeps it. Raises InvalidRequest where it has none."""
    try:
        return json.dumps(asdict(await entry_in(code, entry_function or None)))
    except CodeError as error:
        raise InvalidRequest(error.field, error.issue, details=error.details) from error


def code_text(code: str) -> str:
    """Code as an agent keeps it: without the mark that some editors begin a file with."""
    return code.removeprefix("\ufeff")


def requirements_text(requirements: Sequence[str]) -> str:
    """Requirements as an agent keeps them. Raises InvalidRequest where one cannot be."""
    try:
        return json.dumps(list(check_requirements(requirements)))
    except RequirementError as error:
        raise InvalidRequest(
            f"requirements[{error.index}]", error.issue, details={"requirement": error.requirement}
        ) from error
