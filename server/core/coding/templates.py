"""Templates: ways to take tasks apart, which are data files, and the one that speaks for a task by its words."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from server.errors import InvalidRequest
from server.model import Task

FOLDER = Path(__file__).parent / "decompositions"
COMPLEXITIES = ("LOW", "MEDIUM", "HIGH", "CRITICAL")
MAX_PARTS = 50
# What is looked at of a task's description to find a template for it.
READ_CHARACTERS = 10_000
_WORD = re.compile(r"[a-z]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part that a template gives; `{title}` and `{description}` in its texts stand for the task's."""

    key: str
    title: str
    description: str
    complexity: str
    capabilities: Sequence[str]
    estimated_minutes: int
    depends_on: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A way to take tasks apart; parts come after those that they depend on."""

    name: str
    description: str
    # Words in a task that speak for it, in lower case.
    keywords: Sequence[str]
    parts: Sequence[Part]


@cache
def templates(folder: Path = FOLDER) -> Mapping[str, Template]:
    """Every template, by name. Raises ValueError for a file that says something that cannot be."""
    return {each.name: each for each in (_read(path) for path in sorted(folder.glob("*.toml")))}


def _read(path: Path) -> Template:
    said = tomllib.loads(path.read_text())
    try:
        parts = [Part(**part) for part in said.pop("parts")]
        template = Template(**said, parts=parts)
    except (TypeError, KeyError) as error:
        raise ValueError(f"{path.name}: {error}") from None
    known: set[str] = set()
    for part in parts:
        wrong = [each for each in part.depends_on if each not in known]
        if wrong or part.key in known or part.complexity not in COMPLEXITIES or not part.capabilities:
            raise ValueError(f"{path.name}: part {part.key} depends on {wrong or 'nothing'} or is not whole")
        known.add(part.key)
    if not template.keywords or not all(_WORD.fullmatch(word) for word in template.keywords):
        raise ValueError(f"{path.name}: keywords must be words in lower case")
    if not 0 < len(parts) <= MAX_PARTS:
        raise ValueError(f"{path.name}: must have 1 to {MAX_PARTS} parts")
    return template


def find_template(name: str) -> Template:
    """A template. Raises InvalidRequest."""
    known = templates()
    template = known.get(name.strip().upper())
    if template is None:
        raise InvalidRequest("template", f"must be one of {', '.join(known)}")
    return template


def template_for(task: Task) -> Template:
    """The template most of whose keywords are in a task's title, description and capabilities.

    Titles count more than the rest. Of those that are as good it is the first by name, also where none has a word.
    """
    title = set(_WORD.findall((task.title or task.type).lower()))
    words = title.union(_WORD.findall(f"{task.description[:READ_CHARACTERS]} {task.capabilities}".lower()))

    def speaks_for(template: Template) -> int:
        return sum((word in words) + 2 * (word in title) for word in template.keywords)

    return max(templates().values(), key=speaks_for)
