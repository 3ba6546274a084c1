"""What is read of files, by what is in them, and that nothing in them holds up or takes down who reads."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from pathlib import Path

import pytest

from server.core.knowledge.chunks import MOST, Block, chunks
from server.core.knowledge.languages import language_of
from server.work.extraction import extractor
from server.work.extraction.extractor import extract
from server.work.extraction.kinds import Unreadable

PDF = b"""%PDF-1.4
1 0 obj <</Type /Catalog /Pages 2 0 R>> endobj
2 0 obj <</Type /Pages /Kids [3 0 R 6 0 R] /Count 2>> endobj
3 0 obj <</Type /Page /Parent 2 0 R /Resources <</Font <</F 5 0 R>>>> /Contents 4 0 R /MediaBox [0 0 300 300]>> endobj
4 0 obj <</Length 43>> stream
BT /F 12 Tf 20 200 Td (First page) Tj ET
endstream endobj
5 0 obj <</Type /Font /Subtype /Type1 /BaseFont /Helvetica>> endobj
6 0 obj <</Type /Page /Parent 2 0 R /Resources <</Font <</F 5 0 R>>>> /Contents 7 0 R /MediaBox [0 0 300 300]>> endobj
7 0 obj <</Length 44>> stream
BT /F 12 Tf 20 200 Td (Second page) Tj ET
endstream endobj
trailer <</Root 1 0 R /Size 8>>
startxref
0
%%EOF
"""


def docx() -> bytes:
    import docx as word

    document = word.Document()
    document.add_heading("Fruit", 1)
    document.add_paragraph("All of it.")
    document.add_heading("Apples", 2)
    table = document.add_table(1, 2)
    table.rows[0].cells[0].text, table.rows[0].cells[1].text = "red", "green"
    written = io.BytesIO()
    document.save(written)
    return written.getvalue()


def bomb() -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", b"0" * (260 << 20))
        archive.writestr("word/document.xml", b"<a/>")
    return written.getvalue()


async def read(folder: Path, data: bytes | str, name: str, **more) -> tuple[dict, list[dict]]:
    path = folder / "file"
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    about, *found = [said async for said in extract(path, name, **more)]
    return about, [said["chunk"] for said in found]


@pytest.mark.parametrize(
    ("name", "data", "kind", "texts"),
    [
        ("a.txt", "one\n\ntwo", "text/plain", ["one\n\ntwo"]),
        ("a.pdf", "one, and no PDF", "text/plain", ["one, and no PDF"]),
        ("a.txt", PDF, "application/pdf", ["First page", "Second page"]),
        ("a.md", "# A\n\nx\n\n```\n# no heading\n```\n\n## B\ny", "text/markdown", ["A\n\nx\n\n```\n# no heading\n```", "B\ny"]),
        ("a.py", "# no heading\ndef f():\n    return 1", "text/plain", ["# no heading\ndef f():\n    return 1"]),
        ("a", "<!doctype html><title>T</title><h1>H</h1><p>x<script>no()</script><p>y", "text/html", ["H\n\nx\n\ny"]),
        ("a.csv", "name;age\nBob;3\n;4", "text/csv", ["name, age\n\nname: Bob; age: 3\n\nage: 4"]),
        ("a.json", '{"a": {"b": [1, null]}}', "application/json", ["a.b[0]: 1\n\na.b[1]: null"]),
        ("a.txt", "\ufeffgröße".encode("utf-16"), "text/plain", ["größe"]),
        ("a.txt", "cafe\u0301", "text/plain", ["café"]),
        # What UTF-8 cannot say, or PostgreSQL not keep.
        ("a.json", '{"a\\u0000": "x\\u0000y", "b": "cut \\ud83d"}', "application/json", ["a : x y\n\nb: cut ?"]),
        # A zero byte that strayed into a text.
        ("a.txt", "w" * 1100 + "\0end", "text/plain", ["w" * 1100 + " end"]),
    ],
)
async def test_text_is_read_of_every_kind(tmp_path: Path, name: str, data, kind: str, texts: list[str]) -> None:
    about, found = await read(tmp_path, data, name)
    assert about["content_type"] == kind
    assert [chunk["text"].strip() for chunk in found] == texts


async def test_pages_and_headings_say_where_it_stands(tmp_path: Path) -> None:
    _, found = await read(tmp_path, PDF, "a")
    assert [chunk["page"] for chunk in found] == [1, 2]
    about, found = await read(tmp_path, docx(), "a.txt")
    assert about["content_type"].endswith("wordprocessingml.document")
    assert [(chunk["heading"], chunk["text"]) for chunk in found] == [
        ("Fruit", "Fruit\n\nAll of it."),
        ("Fruit › Apples", "Apples\n\nred; green"),
    ]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b" \n\0", "empty"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + b"\0" * 100, "no text"),
        (b"PK\x03\x04" + b"\0" * 100, "zip"),
        (b"%PDF-1.4\nxref\n0 1\ngarbage", "broken"),
        (PDF.replace(b"/Kids [3 0 R 6 0 R]", b"/Kids [2 0 R 2 0 R]"), ""),
        ("[" * 100_000, "nested"),
    ],
)
async def test_what_cannot_be_read_says_why(tmp_path: Path, data, words: str) -> None:
    with pytest.raises(Unreadable) as refused:
        await read(tmp_path, data, "a.json" if data and data[:1] == "[" else "a.bin")
    assert words in str(refused.value)


async def test_bombs_do_no_harm(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="too large"):
        await read(tmp_path, bomb(), "a.docx")
    large = json.dumps([{"a": n} for n in range(300_000)])
    with pytest.raises(Unreadable, match="memory|gave up"):
        await read(tmp_path, large, "a.json", memory_bytes=120 << 20)


@pytest.mark.parametrize("seconds", [2.5, 0], ids=["with the caller", "with the reader"])
async def test_what_takes_too_long_is_unreadable_wherever_the_time_went(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    path = tmp_path / "file"
    path.write_text("\n\n".join(f"Paragraph {number} has some words. " * 30 for number in range(2000)))
    monkeypatch.setattr(extractor, "WALL_SECONDS", 2.0 if seconds else 0.01)
    with pytest.raises(Unreadable, match="too long"):
        async for _ in extract(path, "file.txt"):
            await asyncio.sleep(seconds)


def test_chunks_are_cut_at_joints_and_have_a_bound() -> None:
    sentences = "This is a sentence of some length. " * 200
    found = list(chunks([Block(sentences), Block("short"), Block("x" * 5000), Block("other", "H"), Block("p", "H", 2)]))
    assert all(0 < len(chunk.text) <= MOST for chunk in found)
    assert found[0].text.endswith(".") and found[1].text.startswith("This")
    assert [(chunk.text, chunk.heading, chunk.page) for chunk in found[-2:]] == [("other", "H", 0), ("p", "H", 2)]
    assert "".join(chunk.text for chunk in found).count("x") >= 5000


def test_languages_are_told_apart_by_their_frequent_words() -> None:
    for language, text in {
        "english": "It was the best of times, it was the worst of times, and that is all there was to it.",
        "german": "Es ist ein Ros entsprungen aus einer Wurzel zart, und das ist nicht alles, was der Chor von ihr singt.",
        "french": "Il est à la plage avec le chien et les enfants, mais elle ne sait pas que c'est pour une fête.",
        "spanish": "El perro de San Roque no tiene rabo porque Ramón se lo ha cortado con un cuchillo y es para la cena.",
    }.items():
        assert language_of(text) == language
    assert language_of("") == language_of("def f(x): return x") == "english"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        pytest.param("a", "<!---->" * 4000 + "x", id="comments"),
        pytest.param("a.md", "# x" + " " * 100_000 + "x", id="a heading of spaces"),
        pytest.param("a.html", "<html>" + "<!-- " * 50_000 + "--><p>x", id="a comment of comments"),
    ],
)
async def test_no_text_makes_its_reader_think_for_long(
    tmp_path: Path, name: str, data: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extractor, "CPU_SECONDS", 5)
    _, found = await read(tmp_path, data, name)
    assert found[-1]["text"].endswith("x")
