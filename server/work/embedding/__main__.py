"""The process with the model and the vectors: frames on standard input, and on standard output one for each."""

from __future__ import annotations

import json
import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np

from server.work.embedding.frames import HEAD, Said, frame
from server.work.embedding.model import SentenceModel, Unusable
from server.work.embedding.shelves import Shelves

# What it may have beside the model, which is there as a file and as it is used, and beside the vectors.
OVERHEAD_BYTES = 1 << 30
Answer = tuple[Said, bytes]


class _Process:
    """What it is asked to do, by name."""

    def __init__(self, model: SentenceModel, most_bytes: int) -> None:
        self._model = model
        self._shelves = Shelves(model.dimensions, most_bytes)
        self._doing: dict[str, Callable[[Said, bytes], Answer]] = {
            "embed": self._embed,
            "begin": self._begin,
            "add": self._add,
            "forget": self._forget,
            "search": self._search,
        }

    def answer(self, asked: Said, beside: bytes) -> Answer:
        """What there is to say to one frame. A fault of ours ends nothing but that."""
        try:
            said, more = self._doing[asked["do"]](asked, beside)
        except Exception as error:
            said, more = {"error": repr(error)}, b""
        return {"id": asked["id"], **said}, more

    def _embed(self, asked: Said, _: bytes) -> Answer:
        return {}, self._model.vector(asked["text"]).astype(np.float16).tobytes()

    def _begin(self, asked: Said, _: bytes) -> Answer:
        self._shelves.begin(asked["organization"])
        return {}, b""

    def _add(self, asked: Said, beside: bytes) -> Answer:
        vectors = np.frombuffer(beside, np.float16).reshape(-1, self._model.dimensions).astype(np.float32)
        parts = [(document, generation, first) for document, generation, first, _ in asked["parts"]]
        ends = np.cumsum([count for *_, count in asked["parts"]])[:-1]
        return {"outcome": self._shelves.add(asked["organization"], parts, np.split(vectors, ends))}, b""

    def _forget(self, asked: Said, _: bytes) -> Answer:
        self._shelves.forget(asked["organization"], asked["documents"])
        return {}, b""

    def _search(self, asked: Said, _: bytes) -> Answer:
        shelf = self._shelves.get(asked["organization"])
        if shelf is None:
            return {"missing": True}, b""
        vector = self._model.vector(asked["text"]) if shelf.size else np.zeros(self._model.dimensions, np.float32)
        return {"places": shelf.nearest(vector, asked["most"], asked["documents"])}, b""


def _bounded(folder: Path, most_bytes: int) -> None:
    size = (folder / "model.safetensors").stat().st_size if (folder / "model.safetensors").exists() else 0
    memory = OVERHEAD_BYTES + 3 * size + 2 * most_bytes
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # It has nothing to write but its answers.
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    # Servers go first: whoever waits for vectors can do without them.
    os.nice(5)


def _read(source: BinaryIO) -> tuple[Said, bytes] | None:
    head = source.read(HEAD.size)
    if len(head) < HEAD.size:
        return None
    said, beside = HEAD.unpack(head)
    return json.loads(source.read(said)), source.read(beside)


def main() -> None:
    """Answers until nobody is there to ask: then standard input ends, however the server did."""
    folder, most_bytes = Path(sys.argv[1]), int(sys.argv[2])
    answers = os.fdopen(os.dup(1), "wb")
    # Whatever a library prints is no answer.
    os.dup2(2, 1)
    _bounded(folder, most_bytes)
    try:
        model = SentenceModel(folder)
    except Unusable as error:
        answers.write(frame({"unusable": str(error)}))
        answers.flush()
        return
    answers.write(frame({"model": model.name, "dimensions": model.dimensions}))
    answers.flush()
    process = _Process(model, most_bytes)
    while (read := _read(sys.stdin.buffer)) is not None:
        try:
            answers.write(frame(*process.answer(*read)))
            answers.flush()
        except BrokenPipeError:
            return


if __name__ == "__main__":
    main()
