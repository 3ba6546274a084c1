"""What the source says of a function's only parameter: whether it holds a mapping or another value."""

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

Function = ast.FunctionDef | ast.AsyncFunctionDef

_VALUE, _MAPPING, _UNKNOWN = "value", "mapping", "unknown"
_SAYS_NOTHING = frozenset({"Any", "object", "None"})
_MAPPING_TYPES = frozenset(
    {"dict", "Dict", "Mapping", "MutableMapping", "OrderedDict", "defaultdict", "DefaultDict", "Counter", "TypedDict"}
)
# fmt: off
_VALUE_TYPES = frozenset({
    "str", "int", "float", "complex", "bool", "bytes", "bytearray", "list", "tuple", "set", "frozenset", "range",
    "List", "Tuple", "Set", "FrozenSet", "AbstractSet", "MutableSet", "Sequence", "MutableSequence", "Iterable",
    "Iterator", "Collection", "Deque", "deque", "Text", "AnyStr", "LiteralString", "Literal", "Decimal", "Fraction",
    "Number", "Path", "UUID", "date", "datetime", "time", "timedelta",
})
# fmt: on
_MAPPING_METHODS = frozenset(dir(dict)) - {"pop", "copy", "clear"} - frozenset(dir(object))
_VALUE_METHODS = frozenset(
    name for kind in (str, bytes, int, float, list, tuple, set) for name in dir(kind) if name not in dir(dict)
)
# Builtins that fail on every mapping, or make no sense of one; len, str, int and float tell nothing on purpose.
_VALUE_CALLS = frozenset({"abs", "chr", "loads", "ord", "range", "round", "sum"})


def single(function: Function, parameter: ast.arg, defaults: Sequence[ast.expr]) -> tuple[str, str]:
    """The style of a function with one parameter, and when that parameter's own name binds."""
    clues = [clue for node in _scope(function, parameter.arg) for clue in _clues(node, parameter.arg)]
    says = _type_says(parameter.annotation) or _use_says(clues) or _default_says(defaults)
    if says == _VALUE:
        return "sole", "always"
    if says != _MAPPING:
        return "whole", "always"
    return "whole", "never" if any(clue.key == parameter.arg for clue in clues) else "object"


def _type_says(annotation: ast.expr | None) -> str | None:
    said = set(_alternatives(annotation))
    if _UNKNOWN in said:
        return _UNKNOWN
    return said.pop() if len(said) == 1 else None  # a union of both says nothing; how it is used will


def _alternatives(annotation: ast.expr | None) -> Iterator[str]:
    """What each member of an annotation says: value, mapping or unknown; Any and None say nothing."""
    pending = [annotation] if annotation else []
    while pending:
        match pending.pop():
            case ast.Constant(value=str() as quoted):
                try:
                    pending.append(ast.parse(quoted, mode="eval").body)
                except (SyntaxError, ValueError, RecursionError, MemoryError):
                    yield _UNKNOWN
            case ast.Constant(value=None):
                continue
            case ast.BinOp(left=left, op=ast.BitOr(), right=right):
                pending += [left, right]
            case ast.Tuple(elts=members):
                pending += members
            case ast.Subscript(value=ast.Name(id=base) | ast.Attribute(attr=base), slice=inner):
                if base in ("Optional", "Union"):
                    pending.append(inner)
                elif base == "Annotated" and isinstance(inner, ast.Tuple):
                    pending.append(inner.elts[0])
                else:
                    yield _named_type(base)
            case ast.Name(id=name) | ast.Attribute(attr=name) if name in _SAYS_NOTHING:
                continue
            case ast.Name(id=name) | ast.Attribute(attr=name):
                yield _named_type(name)
            case _:
                yield _UNKNOWN


def _named_type(name: str) -> str:
    return _MAPPING if name in _MAPPING_TYPES else _VALUE if name in _VALUE_TYPES else _UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class _Clue:
    """A place that tells what a parameter holds; a guard (isinstance) may admit both kinds, a weak one decides last."""

    says: str
    place: tuple[int, int]
    key: str | None = None
    guard: bool = False
    weak: bool = False


def _use_says(clues: Sequence[_Clue]) -> str | None:
    mapping = any(clue.says == _MAPPING for clue in clues if not clue.weak)
    if mapping and any(clue.guard for clue in clues):
        return _MAPPING  # the function tells kinds of input apart, so it can take the whole object
    # The first use counts: a later one may be of what the name was bound to since.
    ordered = sorted(clues, key=lambda clue: (clue.weak, clue.place))
    return ordered[0].says if ordered else None


def _default_says(defaults: Sequence[ast.expr]) -> str | None:
    return _VALUE if defaults and _is_plain_value(defaults[0]) else None


def _scope(function: Function, parameter: str) -> Iterator[ast.AST]:
    """The nodes of a function's body in which the name still means the parameter."""
    pending: list[ast.AST] = list(function.body)
    while pending:
        node = pending.pop()
        if isinstance(node, Function | ast.Lambda):
            own = node.args
            taken = [*own.posonlyargs, *own.args, *own.kwonlyargs, own.vararg, own.kwarg]
            if any(other is not None and other.arg == parameter for other in taken):
                continue
        yield node
        pending.extend(ast.iter_child_nodes(node))


def _clues(node: ast.AST, parameter: str) -> Iterator[_Clue]:
    """What one node tells about the parameter, which it must name directly."""
    place = (getattr(node, "lineno", 0), getattr(node, "col_offset", 0))

    def mine(*nodes: ast.expr | None) -> bool:
        return any(isinstance(other, ast.Name) and other.id == parameter for other in nodes)

    match node:
        case ast.Call(func=ast.Attribute(value=owner, attr="get"), args=[ast.Constant(value=str() as key), *_]):
            if mine(owner):
                yield _Clue(says=_MAPPING, place=place, key=key)
        case ast.Call(func=ast.Name(id="isinstance"), args=[first, kinds]) if mine(first):
            kind = _type_says(kinds)
            if kind in (_VALUE, _MAPPING):
                yield _Clue(says=kind, place=place, guard=True)
        case ast.Call(func=ast.Name(id=called) | ast.Attribute(attr=called), args=[first, *_]):
            if mine(first) and called in _VALUE_CALLS:
                yield _Clue(says=_VALUE, place=place)
        case ast.Attribute(value=owner, attr=method) if mine(owner):
            if method in _MAPPING_METHODS or method in _VALUE_METHODS:
                yield _Clue(says=_MAPPING if method in _MAPPING_METHODS else _VALUE, place=place)
        case ast.Subscript(value=owner, slice=index) if mine(owner):
            if isinstance(index, ast.Constant) and isinstance(index.value, str):
                yield _Clue(says=_MAPPING, place=place, key=index.value)
            elif isinstance(index, ast.Slice) or _is_plain_value(index):
                yield _Clue(says=_VALUE, place=place)
        case ast.keyword(arg=None, value=unpacked) if mine(unpacked):
            yield _Clue(says=_MAPPING, place=place)
        case ast.Dict(keys=keys, values=values):
            if any(key is None and mine(value) for key, value in zip(keys, values, strict=True)):
                yield _Clue(says=_MAPPING, place=place)
        case ast.BinOp(left=ast.Constant(value=str()), op=ast.Mod()):
            return  # "%s" % anything
        case ast.BinOp(left=one, op=operator, right=other) | ast.AugAssign(target=one, op=operator, value=other):
            if mine(one, other) and not isinstance(operator, ast.BitOr):  # the one operator that mappings have
                yield _Clue(says=_VALUE, place=place)
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() | ast.Invert(), operand=operand) if mine(operand):
            yield _Clue(says=_VALUE, place=place)
        case ast.BoolOp(op=ast.Or(), values=[first, fallback, *_]) if mine(first):
            if isinstance(fallback, ast.Dict) or _is_plain_value(fallback):
                yield _Clue(says=_MAPPING if isinstance(fallback, ast.Dict) else _VALUE, place=place)
        case ast.Compare(left=one, ops=[operator, *_], comparators=[other, *_]):
            yield from _compared(one, operator, other, place, mine)


def _compared(
    one: ast.expr, operator: ast.cmpop, other: ast.expr, place: tuple[int, int], mine: Callable[..., bool]
) -> Iterator[_Clue]:
    if isinstance(operator, ast.In | ast.NotIn):
        if mine(other) and isinstance(one, ast.Constant) and isinstance(one.value, str):
            yield _Clue(says=_MAPPING, place=place, key=one.value, weak=True)  # a text has such a test too
    elif isinstance(operator, ast.Lt | ast.LtE | ast.Gt | ast.GtE):
        if mine(one, other):
            yield _Clue(says=_VALUE, place=place)
    elif isinstance(operator, ast.Eq | ast.NotEq) and mine(one) and _is_plain_value(other):
        yield _Clue(says=_VALUE, place=place)


def _is_plain_value(node: ast.expr) -> bool:
    """Whether an expression is written as a text, a number or a list: anything but a mapping or None."""
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.operand, ast.Constant)
    if isinstance(node, ast.Constant):
        return node.value is not None and node.value is not Ellipsis
    return isinstance(node, ast.List | ast.Tuple | ast.Set | ast.JoinedStr)
