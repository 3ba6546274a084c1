"""Finding the entry function of deployed code and binding input to it, as tables of source and outcome."""

import asyncio
import time
import warnings

import pytest

from server import values
from server.contents import outline
from server.core.agents.entry_point import CodeError, Entry, bind_problem, find_entry, signature, style_of_call
from server.pace import Pace


def refusal(code: str, name: str | None = None) -> CodeError:
    with pytest.raises(CodeError) as caught:
        find_entry(code, name=name)
    assert str(caught.value) == caught.value.issue
    return caught.value


def called(code: str, value: object) -> object:
    """What the entry returns for an input when it is called the way `style_of_call` says."""
    entry = find_entry(code)
    namespace: dict[str, object] = {"__name__": "deployed"}
    exec(code, namespace)  # noqa: S102 - the code is this file's own table
    function = namespace[entry.function]
    assert callable(function)
    outlined = asyncio.run(outline(values.encode(value), Pace()))
    style = style_of_call(entry, outlined)
    assert entry.needs_keys or style == style_of_call(entry, None)
    if style == "none":
        return function()
    if style == "whole":
        return function(value)
    assert isinstance(value, dict)
    return function(**value) if style == "keywords" else function(*value.values())


@pytest.mark.parametrize(
    ("code", "function"),
    [
        ("def only(x): pass", "only"),
        ("async def only(x): pass", "only"),
        ("def _private(): pass\ndef public(): pass", "public"),
        ("def helper(): pass\ndef main(): pass", "main"),
        ("def agent(): pass\ndef process(): pass\ndef run(): pass", "run"),
        ("def handle(): pass\ndef handler(): pass", "handler"),
        ("def helper(x): return x\ndef answer(x): return helper(x)", "answer"),
        ("def answer(x): return list(map(helper, x))\ndef helper(x): return x", "answer"),
        ("def deco(f): return f\n@deco\ndef answer(x): pass", "answer"),
        ("def build(): pass\nSTATE = build()\ndef answer(x): return answer(x)", "answer"),
        ("class A:\n  def go(self): return helper()\ndef helper(): pass\ndef answer(x): return A()", "answer"),
        ("def text(): pass\ndef answer(text): return text\ndef other(): return text() or answer(1)", "other"),
        ("def helper(): pass\ndef answer(x): helper()\nif __name__ == '__main__':\n  answer(1)", "answer"),
        ("if __name__ == '__main__':\n  def main(): pass\ndef answer(x): pass", "answer"),
        ("if '__main__' == __name__ and True:\n  def main(): pass\nelse:\n  def answer(x): pass", "answer"),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n  def main(): pass\ndef answer(x): pass", "answer"),
        ("try:\n  import x\nexcept ImportError:\n  def answer(): pass", "answer"),
        ("if 1:\n  pass\nelif 2:\n  def answer(): pass", "answer"),
        ("with open('x'):\n  def answer(): pass", "answer"),
        ("class main:\n  def run(self): pass\ndef answer():\n  def main(): pass", "answer"),
        ("main = lambda: 1\nfrom x import run\ndef answer(): pass", "answer"),
    ],
)
def test_the_entry_is_the_function_that_the_code_makes_plain(code: str, function: str) -> None:
    assert find_entry(code).function == function


def test_a_given_name_wins_and_may_be_private() -> None:
    code = "def main(): pass\ndef _inner(x): pass"
    assert find_entry(code, name="_inner").function == "_inner"


def test_the_last_definition_of_a_name_counts() -> None:
    assert find_entry("def main(a): pass\ndef main(a, b): pass").parameters == ("a", "b")
    assert find_entry("if x:\n  def main(a): pass\nelse:\n  def main(): pass").style == "none"


@pytest.mark.parametrize(
    "code",
    ["main = lambda: 1", "from x import main", "import main", "class main: pass", "class A:\n  def main(self): pass"],
)
def test_a_given_name_must_be_a_function_at_the_top_level(code: str) -> None:
    error = refusal(code + "\ndef one(): pass\ndef two(): pass", name="main")
    assert error.field == "entry_function"
    assert error.details == {"candidates": ["one", "two"]}
    assert 'no function "main"' in error.issue and error.issue.endswith("candidates: one, two")


def test_several_functions_with_none_that_stands_out_are_listed() -> None:
    for code in ("def a(): pass\ndef b(): pass", "def a(): b()\ndef b(): a()"):
        error = refusal(code)
        assert (error.field, error.details) == ("entry_function", {"candidates": ["a", "b"]})
        assert error.issue == "name one of these as the entry function: a, b"


@pytest.mark.parametrize("code", ["", "x = 1", "def _a(): pass", "if __name__ == '__main__':\n  def main(): pass"])
def test_code_without_a_public_function_is_told_that_it_needs_one(code: str) -> None:
    error = refusal(code)
    assert error.field == "code"
    assert "def main(text)" in error.issue


def test_a_syntax_error_has_its_place() -> None:
    error = refusal("def main():\n  pass\nx = = 1")
    assert error.issue == "syntax error at line 3, column 5: invalid syntax"
    assert (error.field, error.details) == ("code", {"line": 3, "column": 5})


@pytest.mark.parametrize(
    ("code", "word"),
    [
        ("def main(): pass\0", "character 17 is a NUL"),
        ("x = '\ud800'", "character 6 is half of a surrogate pair"),
        ("(" * 5000 + ")" * 5000, "nested"),
        ("-" * 50_000 + "1", "nested"),
        ("a." * 25_000 + "b", "nested"),
        ("1+" * 25_000 + "1", "nested"),
        ("x = " + "9" * 100_000, "4300 digits"),
        ("\n".join(" " * depth + "if x:" for depth in range(200)), "indentation"),
        ("# " + "é" * 131_072, "has 262146 bytes; the limit is 262144"),
        ("a\n" * 100_000, "more than 64000 tokens"),
        ("x = '", "unterminated"),
        ("if x:\n" + "elif x:\n  pass\n" * 9_000, ""),
        ("def f(x: '" + "(" * 500 + "'): pass\ndef g(): pass", "name one of these"),
    ],
)
def test_hostile_code_is_refused(code: str, word: str) -> None:
    assert word in refusal(code).issue


def test_a_long_chain_of_branches_is_searched_or_refused() -> None:
    chain = "if x:\n  pass\n" + "elif x:\n  pass\n" * 900 + "else:\n  def answer(): pass\n"
    assert find_entry(chain).function == "answer"


def test_the_limit_of_bytes_can_be_set() -> None:
    with pytest.raises(CodeError, match="limit is 10"):
        find_entry("def main(): pass", max_bytes=10)


def test_doubtful_escapes_are_not_reported_by_us() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert find_entry("def main(x): return '\\d'").function == "main"


def test_the_most_expensive_code_takes_bounded_time() -> None:
    started = time.process_time()
    find_entry("def main(x):\n" + " x<x\n" * 12_000)
    assert time.process_time() - started < 10


def test_code_is_never_run() -> None:
    find_entry("raise SystemExit(3)\ndef main(x=print(1 / 0)): pass")


@pytest.mark.parametrize(
    ("parameters", "style", "names", "required"),
    [
        ("", "none", (), ()),
        ("*args", "whole", (), ()),
        ("**options", "keywords", (), ()),
        ("*args, **options", "keywords", (), ()),
        ("a, b", "keywords", ("a", "b"), ("a", "b")),
        ("a, b=1", "keywords", ("a", "b"), ("a",)),
        ("a, *args, b, c=1", "keywords", ("a", "b", "c"), ("a", "b")),
        ("*, a", "keywords", ("a",), ("a",)),
        ("a, **options", "keywords", ("a",), ("a",)),
        ("a", "whole", ("a",), ("a",)),
        ("a, *args", "whole", ("a",), ("a",)),
        ("a=None", "whole", ("a",), ()),
    ],
)
def test_the_parameters_decide_the_style(
    parameters: str, style: str, names: tuple[str, ...], required: tuple[str, ...]
) -> None:
    entry = find_entry(f"def main({parameters}): pass")
    assert (entry.style, entry.parameters, entry.required) == (style, names, required)
    assert entry.any_key == ("**" in parameters)


@pytest.mark.parametrize("parameters", ["a, /", "a, /, b"])
def test_positional_only_parameters_are_refused_as_such(parameters: str) -> None:
    error = refusal(f"def main({parameters}): pass")
    assert error.field == "code"
    assert "main takes a by position only" in error.issue


SOLE = ("sole", "always")
OPEN = ("whole", "always")
OBJECT = ("whole", "object")
NEVER = ("whole", "never")


@pytest.mark.parametrize(
    ("parameter", "outcome"),
    [
        *[(f"p: {name}", SOLE) for name in ("str", "int", "float", "bool", "bytes", "list", "tuple", "set")],
        *[(f"p: {name}", SOLE) for name in ("list[dict]", "Sequence[str]", "typing.List[int]", "Literal['a']")],
        *[(f"p: {name}", SOLE) for name in ("Optional[str]", "str | None", "Union[int, str]", "'str'", "'int | None'")],
        *[(f"p: {name}", SOLE) for name in ("Annotated[str, 'note']", "typing.Optional[typing.List[int]]")],
        *[(f"p: {name}", OBJECT) for name in ("dict", "dict[str, str]", "Mapping", "dict | None", "'dict[str, int]'")],
        *[
            (f"p: {name}", OPEN)
            for name in ("Any", "Request", "models.Request", "object", "str | dict", "'not ! valid'")
        ],
        ("p=3", SOLE),
        ("p=-1", SOLE),
        ("p='x'", SOLE),
        ("p=[]", SOLE),
        ("p={}", OPEN),
        ("p=None", OPEN),
        ("p: dict = 3", OBJECT),
    ],
)
def test_an_annotation_or_a_default_says_what_a_single_parameter_is(parameter: str, outcome: tuple[str, str]) -> None:
    entry = find_entry(f"def main({parameter}): pass")
    assert (entry.style, entry.by_name) == outcome


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        *[(f"p.{name}()", SOLE) for name in ("upper", "lower", "split", "strip", "replace", "encode", "startswith")],
        *[(f"p.{name}(1)", SOLE) for name in ("append", "sort", "format", "extend", "index", "is_integer")],
        *[
            (use, SOLE)
            for use in ("p + 1", "2 * p", "p % 2", "p - q", "'a' + p", "-p", "p > 3", "0 < p < 9", "p == 'x'")
        ],
        *[(use, SOLE) for use in ("p[0]", "p[-1]", "p[1:2]", "json.loads(p)", "sum(p)", "range(p)", "p or ''")],
        *[(use, OBJECT) for use in ("p['x']", "p.get('x')", "p.items()", "p.keys()", "p.values()", "'x' in p")],
        *[(use, OBJECT) for use in ("f(**p)", "{**p}", "p or {}", "p['x'].upper()", "isinstance(p, dict)")],
        *[(use, OPEN) for use in ("p", "f(p)", "len(p)", "str(p)", "int(p)", "float(p)", "f'{p}'", "'%s' % p", "p[q]")],
        *[(use, OPEN) for use in ("p.text", "p.pop()", "p.copy()", "p | q", "print(p)", "q.upper()", "p is None")],
        ("p['p']", NEVER),
        ("p.get('p', 1)", NEVER),
        ("'p' in p", NEVER),
        ("'error' in p and p.lower()", SOLE),
        ("p['text'] and p.upper()", OBJECT),
        ("p.strip() and p['text']", SOLE),
        ("p.upper() if isinstance(p, str) else p['text']", OBJECT),
        ("p.upper() if isinstance(p, str) else 1", SOLE),
        ("sorted(q, key=lambda p: p['x'])", OPEN),
        ("[x for x in q if x in p.split()]", SOLE),
    ],
)
def test_how_a_parameter_is_used_says_what_it_is(body: str, outcome: tuple[str, str]) -> None:
    entry = find_entry(f"def main(p):\n  return {body}")
    assert (entry.style, entry.by_name) == outcome


@pytest.mark.parametrize(
    ("code", "value", "result"),
    [
        ("def process_data(data): return data.upper()", {"text": "hello world"}, "HELLO WORLD"),
        ("def process_data(data): return data.upper()", {"data": "hello"}, "HELLO"),
        ("def process_data(data): return data.upper()", "hello", "HELLO"),
        ("def answer(text): return [text]", {"text": "hi"}, ["hi"]),
        ("def answer(text): return [text]", {"message": "hi"}, [{"message": "hi"}]),
        ("def answer(text): return [text]", {"text": "hi", "n": 1}, [{"text": "hi", "n": 1}]),
        ("def answer(text): return [text]", [1, 2], [[1, 2]]),
        ("def answer(text): return [text]", {}, [{}]),
        ("def process(data: dict): return data", {"data": {"a": 1}}, {"a": 1}),
        ("def process(data: dict): return data", {"data": 3}, {"data": 3}),
        ("def process(data: dict): return data", {"a": 1}, {"a": 1}),
        ("def handler(event): return event['event']", {"event": "x"}, "x"),
        ("def handler(event): return event['event']", {"event": {"id": 1}}, {"id": 1}),
        ("def add(a, b): return a + b", {"b": 2, "a": 1}, 3),
        ("def add(a, b=5): return a + b", {"a": 1}, 6),
        ("def add(*args, a, **more): return a, args, more", {"a": 1, "z": 2}, (1, (), {"z": 2})),
        ("def all(**more): return more", {}, {}),
        ("def only(*, a): return a", {"a": 1}, 1),
        ("def now(): return 'now'", {"ignored": 1}, "now"),
        ("def now(): return 'now'", None, "now"),
        ("def square(n=3): return n * n", {}, 9),
        ("def square(n=3): return n * n", {"value": 4}, 16),
        ("def many(*args): return args", {"args": 1}, ({"args": 1},)),
        ("def maybe(x=None): return [x]", None, [None]),
    ],
)
def test_an_input_reaches_the_function_as_its_author_expects(code: str, value: object, result: object) -> None:
    assert called(code, value) == result


@pytest.mark.parametrize(
    ("parameters", "keys", "problem"),
    [
        ("a, b", ["a", "b"], None),
        ("a, b", ["a"], "missing: b; the function takes a, b"),
        ("a, b", ["a", "b", "x"], "unknown: x; the function takes a, b"),
        ("a, b", ["x"], "missing: a, b; unknown: x; the function takes a, b"),
        ("a, b", None, "the input must be an object: the function takes a, b by name"),
        ("a, b=1", ["a"], None),
        ("a, **more", ["a", "x"], None),
        ("a, **more", ["x"], "missing: a; the function takes a"),
        ("**more", None, "the input must be an object"),
        ("a: str", ["x"], None),
        ("a: str", None, None),
        ("a: str", ["a", "b", "c"], "main expects one value, and the input has 3: a, b, c"),
        ("a: str", [], "main expects one value, and the input is empty"),
        ("a: str = ''", [], None),
        ("a: dict", ["x", "y"], None),
        ("a", [], None),
        ("", ["x"], None),
    ],
)
def test_an_input_that_cannot_bind_is_told_why(parameters: str, keys: list[str] | None, problem: str | None) -> None:
    entry = find_entry(f"def main({parameters}): pass")
    assert bind_problem(entry, keys) == problem
    if keys is not None and problem is not None:
        with pytest.raises(ValueError) as caught:
            style_of_call(entry, dict.fromkeys(keys))
        assert str(caught.value) == problem


def test_a_problem_names_a_bounded_part_of_a_huge_input() -> None:
    problem = bind_problem(find_entry("def main(a, b): pass"), ["k" * 1000 + str(number) for number in range(1000)])
    assert problem is not None and len(problem) < 3000


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("def now(): pass", "now(): gets no input"),
        ("def add(a, b=1): pass", "add(a, b=...): gets the keys of the input by name"),
        ("def add(a, **more): pass", "add(a, **): gets the keys of the input by name"),
        ("def process_data(data): data.upper()", "process_data(data): gets the sole value of the input"),
        ("def handler(event: dict): pass", "handler(event): gets the whole input"),
        ("def f(text): pass", "f(text): gets the whole input, or the value of text if that is its only key"),
    ],
)
def test_the_binding_has_one_line_for_people(code: str, line: str) -> None:
    assert signature(find_entry(code)) == line


def test_an_entry_made_of_its_stored_fields_binds_the_same() -> None:
    entry = Entry(function="f", style="whole", parameters=("text",), required=("text",))
    assert style_of_call(entry, {"text": None}) == "keywords"
