"""JSON schemas of callers: whether one can be, and what a value is that is not of it.

Nothing is fetched, and patterns take time that grows with the text alone. What may take long is done by a process of
its own, for so long and no longer.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import jsonschema_rs

from server.errors import InvalidRequest
from server.pace import answer_of

MAX_BYTES, MAX_WEIGHT = 32 << 10, 50_000
# How many parts may be within each other, with those that are referred to: each is a few calls deep here.
MAX_DEPTH = 150
# Bytes of a compiled pattern, and of all of a schema's; a megabyte of them takes some milliseconds.
MAX_PATTERN, MAX_PATTERNS = 1 << 20, 2 << 20
# Of what is remembered while one is looked for, at least.
LEAST_MEMORY = 1 << 16
# So many steps take up to 16 milliseconds: what a schema has, for each value that is looked at.
AT_ONCE = 3_000
PATIENCE_SECONDS, MEMORY_BYTES = 10.0, 1 << 30
MAX_PROBLEM = 500
_ANYWHERE_ELSE = ("$dynamicRef", "$recursiveRef", "$anchor", "$dynamicAnchor")
# What has parts by names of the caller's, which are no keywords; what is defined counts where it is referred to.
_DEFINED = frozenset({"$defs", "definitions"})
_NAMED = frozenset({"properties", "patternProperties", "dependentSchemas", "dependencies", *_DEFINED})
# What has values and no parts.
_PLAIN = frozenset({"const", "default", "enum", "examples"})
# A text or a name of a value counts once more for each so many of its characters, which patterns look at.
CHARACTERS = 100


def check_schema(schema: object, field: str) -> None:
    """Raises InvalidRequest where a value is no schema that is taken here."""
    if not isinstance(schema, dict):
        raise InvalidRequest(field, "must be an object, which is a JSON schema")
    written = json.dumps(schema)
    if len(written) > MAX_BYTES:
        raise InvalidRequest(field, f"must have at most {MAX_BYTES >> 10} KiB")
    try:
        _validator(written)
    except _NotTaken as error:
        raise InvalidRequest(field, str(error)) from None
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        raise InvalidRequest(field, f"is no JSON schema: {_words(error)}") from None


async def problem_in(value: object, written: str, schema: Mapping[str, Any]) -> str:
    """Why a value, as JSON `written` so, is not of a schema that `check_schema` has let through; empty where it is."""
    weight = _Weight(schema)
    each = weight.of(schema)
    if each * _count(value, AT_ONCE // each) <= AT_ONCE and not weight.goes_round:
        return _problem(json.dumps(schema), value)
    try:
        said = await answer_of(__name__, f"[{json.dumps(schema)},{written}]".encode(), PATIENCE_SECONDS)
    except TimeoutError:
        return "it takes too long to look at"
    return said.decode() if said is not None else "it takes too much to look at"


class _NotTaken(Exception):
    """Why a schema is none of those that are taken here."""


class _Weight:
    """How many steps a schema takes for one value, with all that it refers to."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._known: dict[str, int | None] = {}
        # Where parts have addresses, what they refer to is not what it seems; the fourth draft says so in another word.
        self._addressed = ("$id", "$schema", *(["id"] if "draft-04" in str(root.get("$schema")) else []))
        self._depth = 0
        # How many patterns there are in what has been weighed.
        self.patterns = 0
        # Whether some part refers to itself, so that the value says how deep it goes.
        self.goes_round = False

    def of(self, node: object) -> int:
        """Raises _NotTaken."""
        if isinstance(node, list):
            return 1 + sum(map(self.of, node))
        if not isinstance(node, dict):
            return 1
        self._check(node)
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _NotTaken(f"has parts that are more than {MAX_DEPTH} deep, with those that they refer to")
        named = node.get("patternProperties")
        self.patterns += isinstance(node.get("pattern"), str) + (len(named) if isinstance(named, dict) else 0)
        reference = node.get("$ref")
        weight = 1 + (self._referred(reference) if isinstance(reference, str) else 0)
        for name, part in node.items():
            if name in _PLAIN:
                weight += _count(part)
            elif name not in _NAMED or not isinstance(part, dict):
                weight += self.of(part)
            elif name not in _DEFINED:
                weight += sum(map(self.of, part.values()))
        self._depth -= 1
        return weight

    def _check(self, node: Mapping[str, Any]) -> None:
        for name in _ANYWHERE_ELSE:
            if isinstance(node.get(name), str):
                raise _NotTaken(f"has {name}, which is not taken: refer by $ref to parts of it")
        for name in self._addressed:
            if node is not self._root and isinstance(node.get(name), str):
                raise _NotTaken(f"has {name} within, which is not taken")

    def _referred(self, reference: str) -> int:
        if reference in self._known:
            known = self._known[reference]
            if known is None:
                self.goes_round = True
            return known or 0
        self._known[reference] = None
        weight = self._known[reference] = self.of(self._part(reference))
        return weight

    def _part(self, reference: str) -> object:
        if reference != "#" and not reference.startswith("#/"):
            raise _NotTaken(f"refers to {reference[:100]!r}: only its own parts (#/…) can be referred to")
        part: object = self._root
        for step in reference[2:].split("/") if reference != "#" else ():
            name = step.replace("~1", "/").replace("~0", "~")
            if isinstance(part, list) and name.isdecimal() and len(name) < 6 and int(name) < len(part):
                part = part[int(name)]
            elif isinstance(part, dict) and name in part:
                self._check(part)
                part = part[name]
            else:
                raise _NotTaken(f"refers to {reference[:100]!r}, which it does not have")
        return part


@lru_cache(64)
def _validator(written: str) -> Any:
    """Patterns are those that take no longer than their text, without looking around; they share what they may take.

    Raises _NotTaken.
    """
    schema = json.loads(written)
    weight = _Weight(schema)
    if weight.of(schema) > MAX_WEIGHT:
        raise _NotTaken("refers to its parts too often")
    size = min(MAX_PATTERN, MAX_PATTERNS // max(1, weight.patterns))
    patterns = jsonschema_rs.RegexOptions(size_limit=size, dfa_size_limit=max(size, LEAST_MEMORY))
    return jsonschema_rs.validator_for(schema, pattern_options=patterns, retriever=_fetched, validate_formats=False)


def _fetched(address: str) -> Any:
    raise ValueError(f"nothing is fetched from {address[:100]}")


def _problem(written: str, value: object) -> str:
    validator = _validator(written)
    if validator.is_valid(value):
        return ""
    try:
        # The first error alone: to collect all of them takes long where there are many.
        validator.validate(value)
    except jsonschema_rs.ValidationError as found:
        error = found
    else:
        return ""
    place = "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in error.instance_path).lstrip(".")
    return f"{place or 'it'}: {_words(error)}"[:MAX_PROBLEM]


def _words(error: Exception) -> str:
    return str(getattr(error, "message", "") or error).splitlines()[0][:MAX_PROBLEM]


def _count(value: object, most: int = sys.maxsize) -> int:
    """How many values there are in one, and how much of text; counted until there are more than `most`."""
    count, left = 0, [value]
    while left and count <= most:
        each = left.pop()
        count += 1
        if isinstance(each, str):
            count += len(each) // CHARACTERS
        elif isinstance(each, dict):
            count += sum(map(len, each)) // CHARACTERS
            left.extend(each.values())
        elif isinstance(each, list):
            left.extend(each)
    return count


def _main() -> None:
    """The process: a schema and a value on standard input, what is wrong on standard output."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    schema, value = json.load(sys.stdin)
    sys.stdout.write(_problem(json.dumps(schema), value))


if __name__ == "__main__":
    _main()
