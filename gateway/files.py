"""Where the gateway's files are: all of them inside this package once it is installed, some elsewhere in a checkout."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def located(name: str) -> Path:
    """The path of a file that has this name in a checkout, relative to its top.

    A wheel keeps such files in this package, without their folders: pyproject.toml says which.
    """
    inside = PACKAGE / Path(name).name
    return inside if inside.exists() else PACKAGE.parent / name


ENVOY_YAML = located("envoy.yaml")
DESCRIPTORS = located("generated/orchestrator.binpb")
