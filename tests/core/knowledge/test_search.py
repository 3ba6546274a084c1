"""What is found: the same passages on both databases, best first, and nobody else's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from server.core.knowledge import search
from server.errors import InvalidRequest, NotFound
from server.work.extraction.__main__ import found
from tests.core.knowledge.shelf import Shelf
from tests.support.holds import BOUND, longest_hold
from tests.support.tenants import Tenant

TEXTS = {
    "running.txt": "The runners were running through the rain.",
    "walking.txt": "Walking is slower than a run, and dry.",
    "rain.txt": "Rain in Spain stays mainly in the plain.",
    "code.txt": "def parse_header(line): return line.partition(':')",
    "tokyo.txt": "東京都の人口は千四百万人です。",
    "kyoto.txt": "京都は古い都です。",
    "seoul.txt": "서울은 한국의 수도이다.",
    "cafe.txt": "Un café crème, s'il vous plaît: la crème brûlée est un dessert.",
    "haus.txt": "Die Häuser und der Garten sind groß, und das Haus ist nicht alt. Die Katze ist im Haus.",
    "o'brien.txt": "Miles O'Brien said 100% of (it) \\ is \"fine\" & <b>bold</b>; DROP TABLE chunks; --",
}


@pytest.fixture(autouse=True)
def read_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are read in this process, as the process for it reads them, which would take nine tenths of the time to start."""

    async def extract(path: Path, filename: str) -> AsyncIterator[dict[str, Any]]:
        for said in found(path, filename):
            yield said

    monkeypatch.setattr("server.work.ingestion.extract", extract)


async def filled(shelf: Shelf, tenant: Tenant) -> None:
    for name, text in TEXTS.items():
        await shelf.add(tenant, text, name)


def names(beginnings: list[str]) -> set[str]:
    return {name for name, text in TEXTS.items() if text in beginnings}


async def test_what_people_look_for_is_found(shelf: Shelf, tenant: Tenant) -> None:
    await filled(shelf, tenant)
    for question, wanted in {
        # Forms of a word are one, and all words come before some of them.
        "run": {"running.txt", "walking.txt"},
        "running rain": {"running.txt", "walking.txt", "rain.txt"},
        "runner -rain": set(),
        "run -rain": {"walking.txt"},
        '"slower than"': {"walking.txt"},
        '"than slower"': set(),
        '-"slower than" run': {"running.txt"},
        "plai*": {"rain.txt", "cafe.txt"},
        "runn*": {"running.txt"},
        "parse header": {"code.txt"},
        "parse_header": {"code.txt"},
        # Rows of characters without spaces, from one character on.
        "東京": {"tokyo.txt"},
        "京都": {"tokyo.txt", "kyoto.txt"},
        '"東京都の人口"': {"tokyo.txt"},
        "都": {"tokyo.txt", "kyoto.txt"},
        "古": {"kyoto.txt"},
        "한국": {"seoul.txt"},
        "수도이다": {"seoul.txt"},
        # Accents and languages.
        "cafe": {"cafe.txt"},
        "CRÈME": {"cafe.txt"},
        "Haus": {"haus.txt"},
        "hauser": {"haus.txt"},
        # What the databases would read is only text; a name is found by its file, which is its title.
        "o'brien": {"o'brien.txt"},
        '100% (it) \\ & "fine"': {"o'brien.txt"},
        "title:run OR NEAR(rain)": {"running.txt", "walking.txt", "rain.txt"},
        "the": {"running.txt", "rain.txt"},
        "nothing": set(),
    }.items():
        assert names(await shelf.found(tenant, question)) == wanted, question


async def test_all_words_come_before_some_and_titles_before_texts(shelf: Shelf, tenant: Tenant) -> None:
    await filled(shelf, tenant)
    assert (await shelf.found(tenant, "running rain"))[0] == TEXTS["running.txt"]
    await shelf.add(tenant, "Something else altogether, about weather.", title="Zebras")
    await shelf.add(tenant, "There are zebras in here, among many other animals of the zoo.", title="The zoo")
    assert (await shelf.found(tenant, "zebra"))[0].startswith("Something else")


@pytest.mark.parametrize("question", ["", " ", "-run", '""', "* - ()", '-"a b"', "\0", "'", "…"])
async def test_a_question_without_a_word_is_refused(shelf: Shelf, tenant: Tenant, question: str) -> None:
    with pytest.raises(InvalidRequest):
        await shelf.found(tenant, question)


async def test_no_question_is_too_much(shelf: Shelf, tenant: Tenant) -> None:
    await shelf.add(tenant, "word0 and word500")
    assert await shelf.found(tenant, " ".join(f"word{n}" for n in range(100))) == ["word0 and word500"]
    assert await shelf.found(tenant, '"' * 999 + "word0"[:1]) == []
    with pytest.raises(InvalidRequest):
        await shelf.found(tenant, "x" * 10_000)


async def test_pages_follow_each_other_without_a_repeat(shelf: Shelf, tenant: Tenant) -> None:
    for n in range(7):
        await shelf.add(tenant, f"{n} apples" + (" and pears" if n % 2 else ""), f"{n}.txt")
    seen: list[str] = []
    for offset in (0, 3, 6):
        hits, more = await shelf.knowledge.search(tenant.call(), "apples pears", limit=3, offset=offset)
        seen += [hit.text for hit in hits]
        assert more == (offset < 6)
    assert len(seen) == len(set(seen)) == 7
    assert all("pears" in text for text in seen[:3]) and not any("pears" in text for text in seen[3:])


async def test_tags_and_documents_narrow_it_down(shelf: Shelf, tenant: Tenant, other_tenant: Tenant) -> None:
    one = await shelf.add(tenant, "apples in May", tags=["fruit", "spring"])
    two = await shelf.add(tenant, "apples in June", tags=["fruit"])
    assert await shelf.found(tenant, "apples", tags=["fruit", "spring"]) == ["apples in May"]
    assert set(await shelf.found(tenant, "apples", tags=["fruit"])) == {"apples in May", "apples in June"}
    assert await shelf.found(tenant, "apples", tags=["none"]) == []
    assert await shelf.found(tenant, "apples", document_id=two.id) == ["apples in June"]
    await shelf.documents.update(tenant.call(), one.id, tags=[])
    assert await shelf.found(tenant, "apples", tags=["spring"]) == []
    with pytest.raises(NotFound):
        await shelf.found(other_tenant, "apples", document_id=one.id)


async def test_nobody_finds_what_others_have(shelf: Shelf, tenant: Tenant, other_tenant: Tenant) -> None:
    await shelf.add(tenant, "our secret recipe")
    await shelf.add(other_tenant, "their secret plan")
    assert await shelf.found(tenant, "secret") == ["our secret recipe"]
    assert await shelf.found(other_tenant, "secret recipe") == ["their secret plan"]
    for scope in (tenant.caller.organization_id[:6], f"o{tenant.caller.organization_id}", "o*", "d*"):
        assert await shelf.found(other_tenant, scope) == []


async def test_a_result_says_where_it_stands_and_what_was_found(shelf: Shelf, tenant: Tenant) -> None:
    text = "# Fruit\n\nAll of it.\n\n## Apples & <pears>\n\n" + "Filler words. " * 40 + "Ripe apples are red. " + "More filler. " * 40
    document = await shelf.add(tenant, text, "fruit.md")
    (hit, *_), _ = await shelf.knowledge.search(tenant.call(), "ripe apple", limit=5)
    assert (hit.heading, hit.document_id, hit.title) == ("Fruit › Apples & <pears>", document.id, "fruit.md")
    assert "<mark>Ripe</mark> <mark>apples</mark> are red" in hit.snippet and len(hit.snippet) < 400
    assert hit.snippet.startswith("…") and hit.snippet.endswith("…")
    (first, *_), _ = await shelf.knowledge.search(tenant.call(), "pears", limit=5)
    assert "Apples &amp; &lt;<mark>pears</mark>&gt;" in first.snippet


async def test_whoever_has_most_of_what_there_is_sees_no_more_than_others(
    shelf: Shelf, tenant: Tenant, other_tenant: Tenant
) -> None:
    for number in range(3):
        await shelf.add(other_tenant, f"A secret about otters, number {number}.")
    for number in range(5):
        await shelf.add(tenant, f"Otters of ours, number {number}.")
    hits, more = await shelf.knowledge.search(tenant.call(), "otters secret", limit=10)
    assert not more and {hit.text for hit in hits} == {f"Otters of ours, number {number}." for number in range(5)}
    theirs = await shelf.found(other_tenant, "otters secret")
    assert theirs and all(text.startswith("A secret") for text in theirs)


async def test_what_a_document_has_had_before_takes_nobodys_place(
    shelf: Shelf, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "SPARE", 0)
    document = await shelf.add(tenant, "otter otter otter")
    await shelf.add(tenant, "an otter and much else that makes it worse")
    # Read again, and not swept yet.
    for _ in range(2):
        await shelf.documents.reprocess(tenant.call(), document.id)
        await shelf.read(await shelf.documents.get(tenant.call(), document.id))
    hits, more = await shelf.knowledge.search(tenant.call(), "otter", limit=2)
    assert [hit.text[:2] for hit in hits] == ["ot", "an"] and not more


async def test_rare_words_count_more_than_frequent_ones_and_what_has_only_those_comes_last(
    shelf: Shelf, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "LOOKED_AT", 2)
    for number in range(6):
        await shelf.add(tenant, f"frequent words, frequent words, frequent words {number}")
    await shelf.add(tenant, "a rare one among frequent ones")
    found = await shelf.found(tenant, "rare frequent missing")
    assert found[0] == "a rare one among frequent ones" and len(found) == 7
    assert await shelf.found(tenant, "rare frequent missing", limit=3, offset=6) == found[6:]


async def test_no_question_holds_everybody_up(shelf: Shelf, tenant: Tenant) -> None:
    for name in ("running.txt", "haus.txt", "cafe.txt"):
        await shelf.add(tenant, f"{TEXTS[name]} " * 5, name)
    for number in range(30):
        await shelf.add(tenant, "東京都の人口は千四百万人です。京都は古い都です。" * 40 + f"a b c {number}", f"{number}.txt")
    for question in (
        "東京都の人口は千四百万人です京都は古い都です" * 2,
        " ".join(f"{chr(97 + n)}*" for n in range(26)),
        " ".join(f"{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(333)),
        '"' + " ".join(f"considerably{n}" for n in range(60)) + '"',
    ):
        await shelf.found(tenant, question)
        async with longest_hold() as held:
            await shelf.found(tenant, question)
        assert held.longest < BOUND, question


async def test_a_beginning_that_is_longer_than_any_word_finds_nothing(shelf: Shelf, tenant: Tenant) -> None:
    await filled(shelf, tenant)
    assert await shelf.found(tenant, "\u0e01" * 700 + "*") == []
