"""Plans: which calls of a model make an answer, for each mode and swarm.

They are data, in `plan_files`: a new swarm is a new file there. A plan has stages, one after the other. The steps of a
stage go on beside each other, and a stage with `times` is gone through so often. One step is `visible`: what it says is
the answer.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

_FOLDER = Path(__file__).parent / "plan_files"
MOST_CALLS = 12


class Step(BaseModel):
    """One call of a model. A prompt may name `{question}`, `{said}` (what earlier steps said) and `{answer}`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    system: str
    prompt: str
    # Whether what was said before, and what was recalled, goes along.
    history: bool = False
    # Whether its text is the answer; whether it is a score of the answer, as JSON.
    visible: bool = False
    judges: bool = False


class Stage(BaseModel):
    """Steps that go on beside each other."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    times: int = Field(1, ge=1, le=4)
    steps: Sequence[Step] = Field(min_length=1, max_length=4)


class Plan(BaseModel):
    """How a mode, or a swarm, answers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    # As its file is called.
    name: str
    kind: Literal["mode", "swarm"]
    # The simpler plan that is gone by where this one cannot be followed to its end.
    fallback: str = ""
    stages: Sequence[Stage] = Field(min_length=1)

    @model_validator(mode="after")
    def _can_be_followed(self) -> Plan:
        visible = [step for stage in self.stages for step in stage.steps if step.visible]
        alone = [stage for stage in self.stages if any(step.visible for step in stage.steps)]
        if len(visible) != 1 or len(alone[0].steps) != 1 or alone[0].times != 1:
            raise ValueError(f"{self.name}: one step is visible, alone in its stage and once")
        if sum(stage.times * len(stage.steps) for stage in self.stages) > MOST_CALLS:
            raise ValueError(f"{self.name}: makes more than {MOST_CALLS} calls")
        return self


@cache
def plans() -> Mapping[str, Plan]:
    """All plans by name. Raises ValueError where one is wrong."""
    found = {
        path.stem: Plan(name=path.stem, **tomllib.loads(path.read_text("utf-8")))
        for path in sorted(_FOLDER.glob("*.toml"))
    }
    for plan in found.values():
        if plan.fallback and plan.fallback not in found:
            raise ValueError(f"{plan.name}: falls back to {plan.fallback}, which there is not")
    return found


def swarms() -> tuple[str, ...]:
    """The names of the swarms."""
    return tuple(name for name, plan in plans().items() if plan.kind == "swarm")
