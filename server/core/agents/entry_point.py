"""Which function of deployed code is its entry, and how an input binds to it: decided from the parsed source alone.

The rule for input, in five lines:
1. A function without parameters gets nothing, whatever the input is.
2. Two or more parameters, a keyword-only one or **kwargs get the input object's keys by name.
3. A single parameter whose name is the input's only key gets that key's value, as in 2 - unless the code says it wants
   a mapping and the value is none, or the code reads that very key from it.
4. Otherwise it gets the input's sole value where its annotation, use or default says it is not a mapping ("sole").
5. Otherwise it gets the whole input object ("whole"); an input that is not an object is passed as it is.
"""

import ast
import json
import re
import warnings
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Self

from server.core.agents.parameter_inference import Function, single

MAX_CODE_BYTES = 256 * 1024
MAX_CODE_TOKENS = 64_000
# So many names stand in a message.
MAX_LISTED = 20
USUAL_NAMES = ("main", "run", "handler", "handle", "process", "execute", "agent")
EXAMPLE = "def main(text): return text.upper()"

_BLOCKS = (ast.If, ast.Try, ast.TryStar, ast.ExceptHandler, ast.With, ast.For, ast.While, ast.Match, ast.match_case)


class CodeError(ValueError):
    """Code that cannot be deployed; `field` says which part of the request is at fault."""

    def __init__(self, field: str, issue: str, details: dict[str, object] | None = None) -> None:
        super().__init__(issue)
        self.field = field
        self.issue = issue
        self.details = details or {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The entry function and how input binds to it; `style` is none, keywords, whole or sole."""

    function: str
    style: str
    parameters: tuple[str, ...]
    required: tuple[str, ...]
    any_key: bool = False  # it takes **kwargs, so keys that name no parameter are welcome
    by_name: str = "always"  # when a sole key that names the only parameter binds by name: always, object, never

    @property
    def needs_keys(self) -> bool:
        """Whether it matters which keys an input has; where it does not, `style_of_call` may be told of none."""
        return self.style in ("keywords", "sole") or (self.style == "whole" and self.by_name != "never")

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The entry that was found when an agent was deployed, as the agent keeps it."""
        kept = json.loads(text)
        return cls(**{**kept, "parameters": tuple(kept["parameters"]), "required": tuple(kept["required"])})


def find_entry(code: str, *, name: str | None = None, max_bytes: int = MAX_CODE_BYTES) -> Entry:
    """The entry function of `code`: the one called `name`, or else the one that the code makes plain.

    The code is parsed, never run, and parsing holds the GIL, so a thread would not help. Measured on one core: 20 ms
    for 100 KB of ordinary code; the worst that MAX_CODE_TOKENS lets through takes 0.3 s. `entry_subprocess` keeps
    that out of the event loop.
    """
    module = _parsed(code, max_bytes)
    functions = _top_level_functions(module)
    return _entry(functions[_chosen(module, functions, name)])


def bind_problem(entry: Entry, keys: Collection[str] | None) -> str | None:
    """Why an input with these top-level keys (None: it is not an object) cannot bind; an absent input has no keys."""
    if entry.style == "sole" and keys is not None and len(keys) != 1 and (keys or entry.required):
        found = f"has {len(keys)}: {_listed(keys)}" if keys else "is empty"
        return f"{entry.function} expects one value, and the input {found}"
    if entry.style != "keywords":
        return None
    takes = f"the function takes {_listed(entry.parameters)}"
    if keys is None:
        return f"the input must be an object: {takes} by name" if entry.parameters else "the input must be an object"
    known = {parameter for parameter in entry.parameters if parameter in keys}
    missing = [parameter for parameter in entry.required if parameter not in known]
    # Keys are counted, and not walked, where all of them are known; and no more are looked for than are shown.
    strange = not entry.any_key and len(known) < len(keys)
    unknown = list(islice((key for key in keys if key not in known), MAX_LISTED + 1)) if strange else []
    parts = [f"missing: {_listed(missing)}"] if missing else []
    parts += [f"unknown: {_listed(unknown)}"] if unknown else []
    return "; ".join([*parts, takes]) if parts else None


def style_of_call(entry: Entry, value: Mapping[str, object] | None) -> str:
    """How to call the entry with this input, an object, of whose values only which are objects counts, or None.

    "none", "keywords" (an object), "whole" (any value) or "sole" (an object with one key).
    Raises ValueError with the text of `bind_problem` where the input cannot bind.
    """
    problem = bind_problem(entry, value.keys() if value is not None else None)
    if problem:
        raise ValueError(problem)
    if entry.style == "none":
        return "none"
    if value is None:
        return "whole"
    if entry.style == "keywords" or _binds_by_name(entry, value):
        return "keywords"
    if entry.style == "sole" and not value:
        return "none"  # nothing was given, and the parameter has a default
    return entry.style


def signature(entry: Entry) -> str:
    """One line for people: the function, its parameters and what they get."""
    shown = [name if name in entry.required else f"{name}=..." for name in entry.parameters]
    shown += ["**"] if entry.any_key else []
    gets = {
        "none": "gets no input",
        "keywords": "gets the keys of the input by name",
        "sole": "gets the sole value of the input",
        "whole": "gets the whole input",
    }[entry.style]
    if entry.style == "whole" and entry.parameters and entry.by_name == "always":
        gets += f", or the value of {entry.parameters[0]} if that is its only key"
    return f"{entry.function}({', '.join(shown)}): {gets}"


def _binds_by_name(entry: Entry, value: Mapping[str, object]) -> bool:
    if entry.by_name == "never" or len(value) != 1 or len(entry.parameters) != 1:
        return False
    (name,) = entry.parameters
    return name in value and (entry.by_name == "always" or isinstance(value[name], Mapping))


def _parsed(code: str, max_bytes: int) -> ast.Module:
    try:
        size = len(code.encode())
    except UnicodeEncodeError as error:
        raise CodeError("code", f"character {error.start + 1} is half of a surrogate pair, not text") from None
    if size > max_bytes:
        raise CodeError("code", f"has {size} bytes; the limit is {max_bytes}", {"bytes": size, "limit": max_bytes})
    if "\0" in code:
        raise CodeError("code", f"character {code.index(chr(0)) + 1} is a NUL")
    # Memory and time follow the number of tokens far more than the size, and counting them is cheap.
    if len(code) > MAX_CODE_TOKENS and len(re.findall(r"\w+|[^\w ]", code)) > MAX_CODE_TOKENS:
        raise CodeError("code", f"has more than {MAX_CODE_TOKENS} tokens", {"limit": MAX_CODE_TOKENS})
    try:
        with warnings.catch_warnings():  # somebody's "\d" must neither fill our log nor fail under -W error
            warnings.simplefilter("ignore")
            return ast.parse(code)
    except SyntaxError as error:
        line, column = error.lineno or 1, error.offset or 1
        issue = f"syntax error at line {line}, column {column}: {error.msg}"
        raise CodeError("code", issue, {"line": line, "column": column}) from None
    except (RecursionError, MemoryError):
        raise CodeError("code", "is nested too deeply to parse") from None
    except ValueError as error:  # what the parser refuses without a place, such as a number too long to convert
        raise CodeError("code", f"cannot be parsed: {error}") from None


def _top_level_functions(module: ast.Module) -> dict[str, Function]:
    """The functions that importing the module defines, by name, in the order of their last definitions."""
    functions: dict[str, Function] = {}
    pending: list[ast.AST] = [module]
    while pending:  # a loop and no recursion: an elif chain nests as deep as it is long
        node = pending.pop()
        if isinstance(node, Function):
            functions.pop(node.name, None)
            functions[node.name] = node
        elif isinstance(node, ast.If) and _never_runs(node.test):
            pending.extend(reversed(node.orelse))
        elif isinstance(node, (ast.Module, *_BLOCKS)):
            inner = (ast.stmt, ast.ExceptHandler, ast.match_case)
            pending.extend(child for child in reversed(list(ast.iter_child_nodes(node))) if isinstance(child, inner))
    return functions


def _never_runs(test: ast.expr) -> bool:
    """Whether a condition only holds where the code is run as a script or read by a type checker."""
    match test:
        case ast.Compare(left=one, ops=[ast.Eq()], comparators=[other]):
            sides = {getattr(side, "id", None) or getattr(side, "value", None) for side in (one, other)}
            return sides == {"__name__", "__main__"}
        case ast.BoolOp(op=ast.And(), values=values):
            return any(_never_runs(value) for value in values if not isinstance(value, ast.BoolOp))
        case ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"):
            return True
    return False


def _chosen(module: ast.Module, functions: Mapping[str, Function], name: str | None) -> str:
    public = [function for function in functions if not function.startswith("_")]
    if name is not None:
        if name in functions:
            return name
        known = public or list(functions)
        issue = f'no function "{name[:100]}" is defined at the top level with def or async def; '
        issue += f"candidates: {_listed(known)}" if known else f"the code defines none, such as {EXAMPLE!r}"
        raise CodeError("entry_function", issue, {"candidates": known})
    if not public:
        issue = f"needs a function at the top level whose name has no leading underscore, such as {EXAMPLE!r}"
        raise CodeError("code", issue, {"candidates": []})
    usual = [function for function in USUAL_NAMES if function in public]
    if len(public) == 1 or usual:
        return (usual or public)[0]
    referred = _referred(module, functions)
    roots = [function for function in public if function not in referred]
    if len(roots) == 1:
        return roots[0]
    issue = f"name one of these as the entry function: {_listed(public)}"
    raise CodeError("entry_function", issue, {"candidates": public})


def _referred(module: ast.Module, functions: Mapping[str, Function]) -> set[str]:
    """Names that anything but the function of that name reads, in code that runs on import or in a function."""
    referred: set[str] = set()
    pending: list[ast.AST] = [module]
    while pending:
        node = pending.pop()
        if isinstance(node, Function) and functions.get(node.name) is node:
            inside = [child for child in ast.walk(node) if isinstance(child, ast.Name | ast.arg)]
            read = {name.id for name in inside if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Load)}
            own = {name.arg if isinstance(name, ast.arg) else name.id for name in inside if not _is_read(name)}
            referred |= read - own - {node.name}
        elif isinstance(node, ast.If) and _never_runs(node.test):
            pending.extend(node.orelse)
        elif isinstance(node, ast.Name) and _is_read(node):
            referred.add(node.id)
        else:
            pending.extend(ast.iter_child_nodes(node))
    return referred


def _is_read(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)


def _entry(function: Function) -> Entry:
    spec = function.args
    if spec.posonlyargs:
        named = _listed([parameter.arg for parameter in spec.posonlyargs])
        issue = f"{function.name} takes {named} by position only (before the /), and input binds by name"
        raise CodeError("code", issue, {"function": function.name})
    required = [parameter.arg for parameter in spec.args[: len(spec.args) - len(spec.defaults)]]
    required += [p.arg for p, default in zip(spec.kwonlyargs, spec.kw_defaults, strict=True) if default is None]
    names = tuple(parameter.arg for parameter in spec.args + spec.kwonlyargs)
    style, by_name = "keywords", "always"
    if not names and not spec.kwarg:
        style = "whole" if spec.vararg else "none"
    elif len(spec.args) == 1 == len(names) and not spec.kwarg:
        style, by_name = single(function, spec.args[0], spec.defaults)
    any_key = spec.kwarg is not None
    return Entry(
        function=function.name,
        style=style,
        parameters=names,
        required=tuple(required),
        any_key=any_key,
        by_name=by_name,
    )


def _listed(names: Collection[str]) -> str:
    """The names for a message: bounded, since the code and the input may have any number of any length."""
    shown = [name if len(name) <= 100 else name[:100] + "..." for name in islice(names, MAX_LISTED)]
    return ", ".join(shown + ["..."] * (len(names) > MAX_LISTED))
