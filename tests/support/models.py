"""The sentence model that tests use, which is installed beside everything else."""

from __future__ import annotations

import os

from server.settings import Settings
from server.store.database import Database
from server.work.embedding.semantic import Semantic, model
from tests.support.services import missing

# Where a test makes vectors itself: other tests use the other cores.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def model_folder() -> str:
    """The folder of the installed model; the test is skipped where there is none."""
    folder, absent = model(Settings())
    if absent:
        missing(f"there is no sentence model, see requirements/model.txt: {absent}")
    return str(folder)


def semantic_search(database: Database) -> Semantic:
    """What a server process has of it."""
    made = Semantic.of(Settings(semantic_search="on", semantic_model=model_folder()), database)
    assert made is not None
    return made
