"""Requirement lines: a package and its versions, and nothing that would reach further."""

import re
from collections.abc import Sequence

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

MAX_LINES = 100
MAX_LINE_LENGTH = 200
# As in a requirements.txt.
_COMMENT = re.compile(r"(?:^|[ \t]+)#.*")
_PLAIN = re.compile(r"[A-Za-z0-9._\[\],<>=!~*+() -]*")
_REFUSED = (  # the first that matches explains best
    (re.compile(r"^$"), "is empty"),
    (re.compile(r"^-"), "options are not accepted, only a package and its versions"),
    (re.compile(r"://|@"), "addresses are not accepted, only a package of the index and its versions"),
    (re.compile(r"^\.|[/\\]"), "paths are not accepted, only a package of the index and its versions"),
    (re.compile(r";"), "environment markers are not accepted"),
    (re.compile(r"[${}]"), "environment variables are not accepted"),
)


class RequirementError(ValueError):
    """A requirement line that is not accepted."""

    def __init__(self, index: int, requirement: str, issue: str) -> None:
        super().__init__(f"requirement {index + 1}: {issue}")
        self.index = index
        self.requirement = requirement[:MAX_LINE_LENGTH]
        self.issue = issue


def check_requirements(lines: Sequence[str]) -> tuple[str, ...]:
    """The lines in one spelling; raises RequirementError at the first that is more than a package and its versions."""
    checked: dict[str, str] = {}
    for index, line in enumerate(lines):
        if index == MAX_LINES:
            raise RequirementError(index, line, f"at most {MAX_LINES} requirements are accepted")
        if line.startswith("#") and "\n" not in line.strip():
            continue
        try:
            name, normal = _normal(line)
        except ValueError as error:
            raise RequirementError(index, line, str(error)) from None
        if name in checked:
            raise RequirementError(index, line, f"{name} is required twice; join its versions with a comma")
        checked[name] = normal
    return tuple(checked.values())


def _normal(line: str) -> tuple[str, str]:
    """The canonical name and the one spelling of a line; raises ValueError with the issue."""
    if len(line) > MAX_LINE_LENGTH:
        raise ValueError(f"is longer than {MAX_LINE_LENGTH} characters")
    text = _COMMENT.sub("", line).strip(" \t\r\n")
    for pattern, issue in _REFUSED:
        if pattern.search(text):
            raise ValueError(issue)
    if not _PLAIN.fullmatch(text):
        raise ValueError("has a character that no package name or version has")
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        raise ValueError("is not a package and its versions, such as name, name==1.2 or name[extra]>=1,<2") from None
    name = canonicalize_name(requirement.name)
    extras = ",".join(sorted(canonicalize_name(extra) for extra in requirement.extras))
    return name, name + (f"[{extras}]" if extras else "") + str(requirement.specifier)
