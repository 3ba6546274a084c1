"""Names of models that are no provider's: what answers without a model, and chat's modes and swarms as models."""

from __future__ import annotations

BUILTIN = "builtin-extractive-1"
MODE, SWARM = "mode/", "swarm/"


def is_ours(name: str) -> bool:
    """Whether a name, where it stands without a provider's, is none that a provider could be asked for."""
    return name == BUILTIN or name.startswith((MODE, SWARM))
