"""JSON as JavaScript prints it: by a table, and by node itself."""

from __future__ import annotations

import json
import random
import shutil
import struct
import subprocess

import pytest

from server.core.webhooks.javascript import number, stringify
from tests.support.services import missing


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        (0, "0"), (-0.0, "0"), (1.0, "1"), (-1.5, "-1.5"), (0.1, "0.1"), (100, "100"), (1e21, "1e+21"),
        (1e20, "100000000000000000000"), (123456789012345680000, "123456789012345680000"), (2**53 + 1, "9007199254740992"),
        (2**60, "1152921504606847000"), (1e-6, "0.000001"), (1e-7, "1e-7"), (1.5e-7, "1.5e-7"), (5e-324, "5e-324"),
        (1.7976931348623157e308, "1.7976931348623157e+308"), (-1.25e300, "-1.25e+300"), (0.00012, "0.00012"),
        (1234.5678, "1234.5678"), (10**400, "null"), (float("inf"), "null"), (float("nan"), "null"),
    ],
)  # fmt: skip
def test_numbers_are_printed_as_javascript_prints_them(value: float, printed: str) -> None:
    assert number(value) == printed


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        ({"b": 1, "a": [], "10": {}, "2": None}, '{"2":null,"10":{},"b":1,"a":[]}'),
        ({"4294967295": 1, "4294967294": 2, "01": 3, "-1": 4, "1.0": 5}, '{"4294967294":2,"4294967295":1,"01":3,"-1":4,"1.0":5}'),
        ("é\u2028\x7f/", '"é\u2028\x7f/"'),
        ('\x00\x1f\b\f\n\r\t"\\', '"\\u0000\\u001f\\b\\f\\n\\r\\t\\"\\\\"'),
        ("\ud800x\udfff", '"\\ud800x\\udfff"'),
        ("\ud83d\ude00", '"\U0001f600"'),
        ([True, False, None], "[true,false,null]"),
    ],
)  # fmt: skip
def test_texts_and_keys_are_printed_as_javascript_prints_them(value: object, printed: str) -> None:
    assert stringify(value) == printed


def test_what_is_no_json_is_an_error() -> None:
    with pytest.raises(TypeError, match="bytes"):
        stringify({"a": b""})


def test_node_prints_the_same_again() -> None:
    if shutil.which("node") is None:
        missing("node is not there to print it")
    chance = random.Random(7)
    doubles = [struct.unpack("<d", chance.randbytes(8))[0] for _ in range(2000)]
    doubles += [chance.randint(-(10**chance.randint(1, 30)), 10**20) / 10 ** chance.randint(0, 30) for _ in range(2000)]
    texts = ["".join(chr(chance.choice([chance.randrange(0x80), chance.randrange(0x10FFFF)])) for _ in range(20)) for _ in range(300)]
    keys = [{str(chance.randrange(-5, 2**chance.randint(1, 40))): n for n in range(10)} for _ in range(100)]
    lines = [stringify(each) for each in [doubles, texts, *keys, {"a": {"1": 2, "0": "x"}, "__proto__": 1}]]
    program = "console.log(require('fs').readFileSync(0,'utf8').split('\\n').every(l=>JSON.stringify(JSON.parse(l))===l))"
    done = subprocess.run(["node", "-e", program], input="\n".join(lines).encode(), capture_output=True, timeout=30)
    assert done.stdout == b"true\n", done.stderr
    assert json.loads(lines[0])[0] == pytest.approx(doubles[0])
