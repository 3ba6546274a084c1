"""The dependencies that pyproject.toml declares are those that the program imports."""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
OURS = {"server", "gateway", "orchestrator", "buf"}
# Time zones are data, which the standard library's `zoneinfo` finds by the package's name.
DATA = {"tzdata"}


# What needs an extra: nothing else may, because most have it not.
WORK = ROOT / "server" / "work"
EXTRAS = {
    "semantic": WORK / "embedding",
    "opentelemetry": WORK / "telemetry" / "exporter.py",
    "providers": WORK / "models" / "others",
}
# What else of it is imported there.
BROUGHT = {"opentelemetry": {"opentelemetry-api"}, "providers": {"anthropic"}}
# One folder of several distributions, by the beginnings of modules.
SHARED = {
    "google.protobuf": "protobuf",
    "google": "googleapis-common-protos",
    "opentelemetry.sdk": "opentelemetry-sdk",
    "opentelemetry.exporter": "opentelemetry-exporter-otlp-proto-http",
    "opentelemetry": "opentelemetry-api",
}


def declared(extra: str = "") -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    given = project["optional-dependencies"][extra] if extra else project["dependencies"]
    return {canonicalize_name(Requirement(each).name) for each in given}


def sources() -> Iterator[Path]:
    """What the wheel carries."""
    for folder in ("server", "gateway", "generated/orchestrator"):
        yield from (ROOT / folder).rglob("*.py")


def imported(paths: Iterable[Path]) -> Iterator[str]:
    """The modules that these import absolutely, with their whole names."""
    for path in paths:
        yield from _imported(path)


@cache
def _imported(path: Path) -> Sequence[str]:
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found += [f"{node.module}.{each.name}" for each in node.names]
    return found


def providers(module: str, installed: Mapping[str, list[str]]) -> set[str]:
    """The distributions that a third-party module is of."""
    top = module.partition(".")[0]
    if top in SHARED:
        return {next(name for beginning, name in SHARED.items() if module.startswith(beginning))}
    return {canonicalize_name(name) for name in installed.get(top, ())}


def distributions(paths: Iterable[Path]) -> set[str]:
    """The distributions that these import something of."""
    outside = {name for name in imported(paths) if name.partition(".")[0] not in OURS | set(sys.stdlib_module_names)}
    installed = packages_distributions()
    return set().union(*(providers(module, installed) for module in outside))


def test_every_dependency_is_imported_and_every_import_is_a_dependency() -> None:
    everything = list(sources())
    used = distributions(path for path in everything if not {*EXTRAS.values()} & {path, *path.parents})
    assert declared() - used == DATA
    assert used - declared() == set()
    for extra, place in EXTRAS.items():
        needed = distributions(path for path in everything if place in {path, *path.parents}) - used
        assert needed - BROUGHT.get(extra, set()) == declared(extra), extra
