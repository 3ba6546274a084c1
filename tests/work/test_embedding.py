"""The process with the model: what it makes of texts, what it keeps, and that nobody waits for it in vain."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from server.app import Application
from server.core.knowledge.documents import Upload
from server.errors import Misconfigured
from server.settings import Settings
from server.work.embedding import embedder, semantic
from server.work.embedding.embedder import Embedder, NoEmbedder
from server.work.embedding.semantic import Semantic
from tests.support.models import model_folder
from tests.support.tenants import make_tenant
from tests.support.waiting import eventually

ASKED = "how to take care of young dogs"
DOG = "A puppy needs a walk every day."


@pytest.fixture(scope="module")
def folder() -> Path:
    return Path(model_folder())


@pytest.fixture(scope="module")
def model(folder: Path):
    from server.work.embedding.model import SentenceModel

    return SentenceModel(folder)


@pytest.fixture
async def asked(folder: Path) -> AsyncIterator[Embedder]:
    made = Embedder(folder, 64 << 20)
    yield made
    await made.close()


def test_vectors_are_those_that_others_make_with_this_model(model) -> None:
    """The numbers are those that sentence-transformers gives."""
    import numpy as np

    vector = model.vector("This is an example sentence")
    assert vector.shape == (384,) and np.linalg.norm(vector) == pytest.approx(1, abs=1e-6)
    assert vector[:6] == pytest.approx([0.0676569, 0.0634959, 0.0487131, 0.0793050, 0.0374481, 0.0026528], abs=2e-6)
    happy = model.vector("That is a happy person")
    for text, alike in (("That is a happy dog", 0.695), ("That is a very happy person", 0.943), ("Today is a sunny day", 0.257)):
        assert float(happy @ model.vector(text)) == pytest.approx(alike, abs=5e-4)


def test_what_is_too_long_is_read_as_far_as_the_model_goes_and_what_it_does_not_know_is_nothing(model) -> None:
    long = "word " * 254
    assert (model.vector(long) == model.vector(f"{long} and another one")).all()
    assert not (model.vector(long) == model.vector("word " * 253)).all()
    for unknown in ("", "\U0001f9a6 \U0001f9a6", "x" * 5000, "ᚠᚢᚦ a ᚨᚱᚲ ᚷᚹᚺ"):
        assert not model.vector(unknown).any(), unknown


def test_shelves_find_what_is_most_alike_in_bounded_memory(model) -> None:
    import numpy as np

    from server.work.embedding.shelves import LARGEST, SMALLEST, Shelves

    chance = np.random.default_rng(1)
    vectors = chance.normal(size=(2 * LARGEST + 500, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    # Blocks are as large as all before them together, up to the largest.
    needed = 3 * LARGEST * (8 * 4 + 8)
    shelves = Shelves(8, needed + SMALLEST * (8 * 4 + 8))
    shelves.begin("a")
    parts = [(f"d{n}", 1, 0) for n in range(len(vectors) // 4)]
    assert shelves.add("a", parts, np.split(vectors, len(parts))) == "added"
    # What comes again changes nothing.
    assert shelves.add("a", parts, np.split(vectors, len(parts))) == "added"
    shelf = shelves.get("a")
    assert shelf.bytes() == needed and shelf.size == len(vectors)
    question = vectors[4097]
    alike = vectors @ question
    best = [(f"d{at // 4}", 1, at % 4) for at in np.argsort(-alike)[:20].tolist()]
    assert shelf.nearest(question, 20) == best and best[0] == ("d1024", 1, 1)
    assert shelf.nearest(question, 20, ["d1024", "d7", "none"])[0] == best[0]
    assert {name for name, *_ in shelf.nearest(question, 20, ["d1024", "d7"])} <= {"d1024", "d7"}
    shelf.forget("d1024", 0)
    assert shelf.nearest(question, 1) == best[:1]
    shelves.forget("a", [("d1024", 1)])
    assert shelf.nearest(question, 1) == best[1:2]
    # A later generation comes in the place of an earlier one, and never the other way round.
    shelf.add("d1024", 2, 0, vectors[4096:4100])
    shelf.add("d1024", 1, 4, vectors[4096:4100])
    assert shelf.nearest(question, 1) == [("d1024", 2, 1)]
    # Who has been asked longest ago makes room, and what does not fit at all is refused.
    shelves.begin("b")
    assert shelves.add("b", [("x", 1, 0)], [vectors[:4]]) == "added" and shelves.get("a") is not None
    shelves.begin("c")
    assert shelves.add("c", [("x", 1, 0)], [vectors[:4]]) == "added"
    assert shelves.get("b") is None and shelves.add("b", [], []) == "missing"
    assert shelves.add("a", [("y", 1, 0)], [np.concatenate([vectors] * 3)]) == "full"
    # What has more that is gone than not is filled anew.
    shelves.forget("a", [(name, 2) for name, *_ in parts])
    assert shelves.get("a") is None


async def test_many_ask_at_once_and_one_who_leaves_disturbs_nobody(asked: Embedder) -> None:
    await asked.running()
    texts = [f"text number {n}" for n in range(8)]
    waiting = [asyncio.create_task(asked.vector(text)) for text in texts]
    await asyncio.sleep(0)
    waiting[2].cancel()
    made = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(made[2], asyncio.CancelledError)
    kept = [vector for vector in made if isinstance(vector, bytes)]
    assert len(set(kept)) == 7 and {len(vector) for vector in kept} == {768}
    assert await asked.vector(texts[0]) == made[0]
    with pytest.raises(NoEmbedder):
        await asked.ask({"do": "nothing that it knows"})
    assert await asked.vector(texts[1]) == made[1]
    process = psutil.Process((await asked.running()).process.pid)
    await asked.close()
    assert not process.is_running()
    with pytest.raises(NoEmbedder):
        await asked.vector("too late")


async def test_one_that_says_nothing_is_ended_and_the_next_one_answers(
    asked: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await asked.running()
    monkeypatch.setattr(embedder, "ANSWER_SECONDS", 0.2)
    os.kill(first.process.pid, signal.SIGSTOP)
    with pytest.raises(NoEmbedder):
        await asked.vector("is anybody there")
    assert first.process.returncode is not None
    monkeypatch.setattr(embedder, "ANSWER_SECONDS", 20.0)
    # One after the other, and not as fast as they can.
    await eventually(lambda: asked._running is None)
    with pytest.raises(NoEmbedder):
        await asked.vector("at once")
    asked._not_before = 0.0
    assert len(await asked.vector("later")) == 768


def test_it_ends_with_whoever_started_it(folder: Path) -> None:
    command = [sys.executable, "-m", "server.work.embedding", str(folder), str(64 << 20)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.read(8)
        process.stdin.close()
        assert process.wait(10) == 0


async def test_a_folder_that_holds_something_else_is_refused_in_a_sentence(folder: Path, tmp_path: Path) -> None:
    from server.work.embedding.model import SentenceModel, Unusable

    for name in semantic.FILES:
        (tmp_path / name).symlink_to(folder / name)
    config = json.loads((folder / "config.json").read_text())
    for changed, said in (({"model_type": "mpnet"}, "another kind than BERT"), ({"num_hidden_layers": 7}, "holds no model")):
        (tmp_path / "config.json").unlink()
        (tmp_path / "config.json").write_text(json.dumps({**config, **changed}))
        with pytest.raises(Unusable, match=said):
            SentenceModel(tmp_path)
    shutil.rmtree(tmp_path)
    made = Embedder(tmp_path, 64 << 20)
    with pytest.raises(NoEmbedder):
        await made.vector("x")
    await made.close()


def test_settings_say_whether_there_is_any_of_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Semantic.of(Settings(semantic_search="off"), None) is None
    with pytest.raises(Misconfigured, match="has no config.json, tokenizer.json, model.safetensors"):
        Semantic.of(Settings(semantic_search="auto", semantic_model=str(tmp_path)), None)
    monkeypatch.setattr(semantic, "PACKAGE", "a_package_that_nobody_has_installed")
    assert Semantic.of(Settings(semantic_search="auto"), None) is None
    with pytest.raises(Misconfigured, match="no model is installed"):
        Semantic.of(Settings(semantic_search="on"), None)
    monkeypatch.setattr(semantic, "NEEDED", ("json", "a_library_that_nobody_has_installed"))
    with pytest.raises(Misconfigured, match="a_library_that_nobody_has_installed must be installed"):
        Semantic.of(Settings(semantic_search="on", semantic_model=str(folder)), None)


def test_a_server_imports_nothing_for_it(tmp_path: Path, folder: Path) -> None:
    program = (
        "import sys; from server.app import Application; from server.settings import Settings\n"
        "made = Application(Settings())\n"
        "print(made.semantic is not None, sorted({'numpy', 'tokenizers', 'safetensors'} & set(sys.modules)))"
    )
    given = {**os.environ, "SEMANTIC_SEARCH": "on", "DATA_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", program], env=given, capture_output=True, text=True, timeout=60)
    assert done.stdout == "True []\n", done.stderr


async def test_a_server_finds_what_means_the_same_and_ends_the_process_that_does(
    sqlite_settings: Settings, folder: Path
) -> None:
    changes = {"semantic_search": "on", "sandbox_prewarmed": 0, "shutdown_seconds": 2.0}
    application = Application(sqlite_settings.model_copy(update=changes))
    await application.start(["127.0.0.1:0"])
    try:
        tenant, cases = await make_tenant(application.database), application.use_cases

        async def data() -> AsyncIterator[bytes]:
            yield DOG.encode()

        blob = await cases.blobs.put(tenant.caller.organization_id, data(), 100)
        await cases.documents.create(tenant.call(), blob, Upload(filename="a.txt", content_type=""))

        async def found() -> bool:
            hits, _ = await cases.knowledge_search.search(tenant.call(), ASKED, limit=5)
            return [hit.text for hit in hits] == [DOG]

        await eventually(found, 30)
        process = psutil.Process((await application.semantic.embedder.running()).process.pid)
    finally:
        await application.stop()
    assert not process.is_running()
