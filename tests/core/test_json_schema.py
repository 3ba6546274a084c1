"""JSON schemas of callers: which are taken, what is told of a value that is not of one, and that none takes long."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import Any

import psutil
import pytest

from server.core.shared import json_schema
from server.core.shared.json_schema import check_schema, problem_in
from server.errors import InvalidRequest
from tests.support.holds import BOUND

TREE = {"$ref": "#/$defs/n", "$defs": {"n": {"type": "object", "properties": {"of": {"type": "array", "items": {"$ref": "#/$defs/n"}}}}}}


FOURTH = "http://json-schema.org/draft-04/schema#"


def bomb(depth: int, beside: dict[str, Any] | None = None, word: str = "$defs") -> dict[str, Any]:
    """What takes a step for each of 2^depth ways; `beside` is what leads to it, where it is not the schema itself."""
    parts: dict[str, Any] = {f"a{n}": {"allOf": [{"$ref": f"#/{word}/a{n + 1}"}] * 2} for n in range(depth)}
    return {**(beside or {"$ref": f"#/{word}/a0"}), word: {**parts, f"a{depth}": {"type": "integer"}}}


def chain(length: int) -> dict[str, Any]:
    parts: dict[str, Any] = {f"a{n}": {"$ref": f"#/$defs/a{n + 1}"} for n in range(length)}
    return {"$ref": "#/$defs/a0", "$defs": {**parts, f"a{length}": {"type": "integer"}}}


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ([], "must be an object"),
        ({"type": "objekt"}, "objekt"),
        ({"properties": {"a": {"minimum": "x"}}}, "is no JSON schema"),
        ({"$ref": "http://127.0.0.1:9/x"}, "only its own parts"),
        ({"properties": {"a": {"$ref": "other.json#/x"}}}, "only its own parts"),
        ({"$ref": "#/$defs/none"}, "does not have"),
        ({"$dynamicRef": "#x"}, "is not taken"),
        ({"properties": {"a": {"$id": "http://x/", "type": "string"}}}, "is not taken"),
        ({"pattern": "(?=a)b"}, "regex"),
        (bomb(40), "too often"),
        (bomb(40, {"properties": {"definitions": {"$ref": "#/$defs/a0"}}}), "too often"),
        ({"$schema": FOURTH, "properties": {"x": bomb(40, {"id": "http://x/"}, "definitions")}, "definitions": {"a1": {}}}, "has id within"),
        ({"properties": {"x": bomb(40, {"id": "http://x/", "$schema": FOURTH}, "definitions")}}, "has $schema within"),
        ({"$ref": "#/$defs/x/allOf/0", "$defs": {"a0": {}, "x": bomb(40, {"$id": "http://x/", "allOf": [{"$ref": "#/$defs/a0"}]})}}, "has $id within"),
        ({"description": "x" * 70_000}, "32 KiB"),
        ({"pattern": "(?:a{1,1000}){1,1000}"}, "regex"),
        (chain(900), "deep"),
    ],
    ids=["list", "type", "keyword", "remote", "file", "missing", "dynamic", "id", "lookahead", "bomb", "named-as-defined", "id-of-old", "schema-within", "through-id", "long", "huge-pattern", "chain"],
)
def test_what_is_no_schema_or_reaches_out_is_refused(schema: Any, says: str) -> None:
    began = time.perf_counter()
    with pytest.raises(InvalidRequest, match="configuration.output_schema"):
        try:
            check_schema(schema, "configuration.output_schema")
        except InvalidRequest as error:
            assert says in error.message
            raise
    assert time.perf_counter() - began < 1


@pytest.mark.parametrize(
    ("schema", "value", "says"),
    [
        ({"type": "object", "required": ["sum"]}, {"sum": 1}, ""),
        ({"type": "object", "required": ["sum"]}, {}, '"sum" is a required'),
        ({"properties": {"a": {"items": {"type": "integer"}}}}, {"a": [1, "x"]}, "a[1]: "),
        (TREE, {"of": [{"of": []}]}, ""),
        (TREE, {"of": [{"of": [3]}]}, "of[0].of[0]: "),
        ({"properties": {"a": {"pattern": "^(a+)+$"}}}, {"a": "a" * 50_000 + "!"}, "a: "),
        ({"properties": {"a": {"items": {"type": "integer"}}}}, {"a": list(range(30_000))}, ""),
    ],
    ids=["fits", "missing", "place", "tree", "tree-not", "regex", "large"],
)
async def test_what_is_wrong_with_a_value_is_told_with_its_place(schema: Any, value: Any, says: str) -> None:
    check_schema(schema, "schema")
    found = await problem_in(value, json.dumps(value), schema)
    assert says in found and bool(says) == bool(found)


async def test_what_takes_too_long_is_given_up_and_its_process_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    # Less than a process takes to begin.
    monkeypatch.setattr(json_schema, "PATIENCE_SECONDS", 0.001)
    assert await problem_in({"of": []}, '{"of": []}', TREE) == "it takes too long to look at"
    assert not [each for each in psutil.Process().children() if json_schema.__name__ in each.cmdline()]


def test_looking_at_a_schema_holds_nobody_up() -> None:
    large = [
        {"patternProperties": {f"^p{n}[a-z]+$": {"type": "string"} for n in range(800)}},
        {"properties": {f"p{n}": {"type": "string"} for n in range(1000)}},
        {"pattern": "(?:a{1,1000}){1,100}"},
        # Each may be so large, and not all of them.
        {"patternProperties": {f"\\pL{{20}}{n}": {} for n in range(800)}},
        {"properties": {f"p{n}": {"pattern": f"a{{9000}}{n}"} for n in range(800)}},
    ]
    for schema in large:
        began = time.process_time()
        with suppress(InvalidRequest):
            check_schema(schema, "schema")
        assert time.process_time() - began < BOUND


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"items": {"required": [f"p{n}" for n in range(3000)]}}, [{}] * 6000),
        ({"anyOf": [{"items": {"required": [f"p{n}" for n in range(140)]}}]}, [{}] * 20),
        ({"allOf": [{"pattern": f"[a-z]+{n}(x+x+)+y"} for n in range(400)]}, "x" * 500_000),
    ],
    ids=["names", "choices", "patterns"],
)
async def test_looking_at_a_value_holds_nobody_up(schema: dict[str, Any], value: Any) -> None:
    check_schema(schema, "schema")
    began = time.process_time()
    assert await problem_in(value, json.dumps(value), schema)
    assert time.process_time() - began < BOUND


async def test_a_schema_that_multiplies_itself_takes_no_time() -> None:
    again = {"$ref": "#/$defs/n"}
    schema = {**again, "$defs": {"n": {"properties": {"a": {"allOf": [again, again, {"anyOf": [again, again]}]}}}}}
    value: dict[str, Any] = {}
    for _ in range(28):
        value = {"a": value}
    check_schema(schema, "schema")
    assert await problem_in(value, json.dumps(value), schema) == ""
