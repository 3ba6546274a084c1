"""The dependencies that pyproject.toml declares are those that the program imports."""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator, Mapping
from importlib.metadata import packages_distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
OURS = {"server", "gateway", "orchestrator", "buf"}
# Time zones are data, which the standard library's `zoneinfo` finds by the package's name.
DATA = {"tzdata"}


def declared() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return {canonicalize_name(Requirement(each).name) for each in project["dependencies"]}


def imported() -> Iterator[str]:
    """The modules that the wheel's sources import absolutely, with their whole names."""
    folders = ("server", "gateway", "generated/orchestrator")
    for path in (path for folder in folders for path in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from (each.name for each in node.names)
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                yield from (f"{node.module}.{each.name}" for each in node.names)


def providers(module: str, installed: Mapping[str, list[str]]) -> set[str]:
    """The distributions that a third-party module is of."""
    top = module.partition(".")[0]
    if top == "google":
        # One folder of several distributions.
        return {"protobuf" if module.startswith("google.protobuf") else "googleapis-common-protos"}
    return {canonicalize_name(name) for name in installed.get(top, ())}


def test_every_dependency_is_imported_and_every_import_is_a_dependency() -> None:
    outside = {name for name in imported() if name.partition(".")[0] not in OURS | set(sys.stdlib_module_names)}
    installed = packages_distributions()
    used = set().union(*(providers(module, installed) for module in outside))
    assert declared() - used == DATA
    assert used - declared() == set()
