"""The knowledge base: how soon passages can be found, how long a search takes, and how good what is found is."""

from __future__ import annotations

import asyncio
import html
import math
import random
import sqlite3
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from urllib.parse import urlencode

import aiohttp
import tantivy

from benchmarks.load import Failed, Load, measure
from benchmarks.passages import Passage, passages
from benchmarks.postgres import new_database
from benchmarks.report import ms, percentile, table
from benchmarks.scale import Scale
from benchmarks.servers import HOST, Server, ask, orchestrator
from server.settings import Settings
from server.work.embedding.semantic import model

TITLE = "Knowledge"
HEADER = ["", "questions: nDCG@10", "p50", "p99", "two words: p50", "p99", "passages read a second"]
# How many come back, and how far a title counts more than a text, for both.
BEST, TITLE_BOOST = 10, 4.0
PATIENCE_SECONDS = 1200.0
SEED = 1


async def run(scale: Scale) -> str:
    """The table."""
    count, asked = scale.of((100_000, 500), (10_000, 300), (200, 20))
    found = await asyncio.to_thread(passages, count)
    questions, pairs = _asked(found, asked)
    rows = [await _ours("SQLite", found, questions, pairs)]
    unknown = ["–"] * (len(HEADER) - 1)
    async with new_database() as address:
        given = {"DATABASE_URL": address or ""}
        rows.append(
            await _ours("PostgreSQL", found, questions, pairs, **given) if address else ["PostgreSQL", *unknown]
        )
    rows.append(await asyncio.to_thread(_tantivy, found, questions, pairs))
    # So many that a model has read them within a few minutes.
    count, asked = scale.of((2000, 200), (1000, 100), (20, 2))
    few, name = found[:count], f"SQLite, {count:,} passages"
    questions, pairs = _asked(few, asked)
    rows.append(await _ours(name, few, questions, pairs))
    _, missing = model(Settings())
    name += ", and vectors"
    rows.append([name, *unknown] if missing else await _ours(name, few, questions, pairs, SEMANTIC_SEARCH="on"))
    return table(HEADER, rows)


def _asked(found: Sequence[Passage], count: int) -> tuple[list[Passage], list[str]]:
    """Passages whose questions are asked, and two words of each of those."""
    chance = random.Random(SEED)  # noqa: S311
    questions = chance.sample([passage for passage in found if passage.question], count)
    return questions, [" ".join(chance.sample(_plain(passage.question).split(), 2)) for passage in questions]


async def _ours(
    name: str, found: Sequence[Passage], questions: Sequence[Passage], pairs: Sequence[str], **variables: str
) -> list[str]:
    with tempfile.TemporaryDirectory() as temporary:
        async with orchestrator(Path(temporary) / "ours", **variables) as server:
            rate = await _read(server, found, vectors="SEMANTIC_SEARCH" in variables)
            gains = [_gain(await _found(server, each.question), each) for each in questions]
            cells = [f"ours, {name}, through Envoy", f"{sum(gains) / len(gains):.3f}"]
            for asked in ([each.question for each in questions], pairs):
                requests = [server.request("GET", _path(each)) for each in asked]
                # Once around, so that both have in memory what they keep there.
                await measure(Load(server.port, requests, count=len(requests)))
                measured = await measure(Load(server.port, requests, count=len(requests)))
                cells += [ms(measured.p50), ms(measured.p99)]
    return [*cells, f"{rate:,.0f}"]


async def _read(server: Server, found: Sequence[Passage], *, vectors: bool) -> float:
    """Uploads a document for each title, and says how many passages a second could be found in the end."""
    parts: dict[str, list[str]] = defaultdict(list)
    for each in found:
        parts[each.title].append(f"<h2>{html.escape(each.heading)}</h2><pre>{html.escape(each.text)}</pre>")
    began = time.perf_counter()
    async with aiohttp.ClientSession(headers={"authorization": f"Bearer {server.key}"}) as client:
        for title, sections in parts.items():
            form = aiohttp.FormData()
            page = f"<html><head><title>{html.escape(title)}</title></head><body>{''.join(sections)}</body></html>"
            form.add_field("file", page.encode(), filename=f"{title}.html", content_type="text/html")
            async with client.post(f"http://{HOST}:{server.port}/v1/knowledge/documents", data=form) as answer:
                if answer.status != 201:
                    raise Failed(f"a document was not taken: {await answer.text()}")
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            if not await _count(server, "processing") and not (vectors and await asyncio.to_thread(_unlike, server)):
                break
            await asyncio.sleep(0.2)
    if await _count(server, "ready") != len(parts):
        _, listed = await ask(server, "GET", "/v1/knowledge/documents?status=failed&limit=1")
        raise Failed(f"not every document could be read: {listed}")
    return len(found) / (time.perf_counter() - began)


def _unlike(server: Server) -> int:
    """How many chunks have no vectors yet."""
    with closing(sqlite3.connect(server.database)) as database:
        (chunks,) = database.execute("SELECT coalesce(sum(chunks), 0) FROM documents").fetchone()
        (vectors,) = database.execute("SELECT coalesce(sum(count), 0) FROM chunk_vectors").fetchone()
    return int(chunks - vectors)


async def _count(server: Server, status: str) -> int:
    _, listed = await ask(server, "GET", f"/v1/knowledge/documents?status={status}&limit=1")
    assert isinstance(listed, dict), listed
    return int(listed["total"])


async def _found(server: Server, question: str) -> list[tuple[str, str]]:
    status, said = await ask(server, "GET", _path(question))
    if status != 200 or not isinstance(said, dict):
        raise Failed(f"{question!r} was not answered: {said}")
    return [(each["title"], each["heading"]) for each in said["results"]]


def _path(question: str) -> str:
    return "/v1/knowledge/search?" + urlencode({"q": _plain(question), "limit": BEST})


def _plain(question: str) -> str:
    """Without what would be an operator, to either."""
    return " ".join("".join(c if c.isalnum() else " " for c in question).split())


def _gain(found: Sequence[tuple[str, str]], wanted: Passage) -> float:
    """The nDCG of the only passage that is the answer: 1 in the first place, and less the later it comes."""
    places = [place for place, each in enumerate(found) if each == (wanted.title, wanted.heading)]
    return 1 / math.log2(places[0] + 2) if places else 0.0


def _tantivy(found: Sequence[Passage], questions: Sequence[Passage], pairs: Sequence[str]) -> list[str]:
    """The peer: a library, in this process."""
    builder = tantivy.SchemaBuilder()
    for field in ("title", "body"):
        builder.add_text_field(field, stored=True, tokenizer_name="en_stem")
    builder.add_text_field("heading", stored=True, tokenizer_name="raw")
    with tempfile.TemporaryDirectory() as temporary:
        index = tantivy.Index(builder.build(), path=temporary)
        began = time.perf_counter()
        writer = index.writer(heap_size=128 << 20)
        for each in found:
            body = f"{each.heading}\n{each.text}"
            writer.add_document(tantivy.Document(title=each.title, heading=each.heading, body=body))
        writer.commit()
        writer.wait_merging_threads()
        index.reload()
        rate = len(found) / (time.perf_counter() - began)

        def search(question: str) -> list[tuple[str, str]]:
            query, _ = index.parse_query_lenient(
                _plain(question), ["title", "body"], field_boosts={"title": TITLE_BOOST}
            )
            searcher = index.searcher()
            hits = [searcher.doc(address) for _, address in searcher.search(query, BEST).hits]
            return [(hit["title"][0], hit["heading"][0]) for hit in hits]

        gains = [_gain(search(each.question), each) for each in questions]
        cells = ["tantivy, a call in the same process", f"{sum(gains) / len(gains):.3f}"]
        for asked in ([each.question for each in questions], pairs):
            took = []
            for each in asked:
                began = time.perf_counter()
                search(each)
                took.append((time.perf_counter() - began) * 1000)
            took.sort()
            cells += [ms(percentile(took, 50)), ms(percentile(took, 99))]
    return [*cells, f"{rate:,.0f}"]
