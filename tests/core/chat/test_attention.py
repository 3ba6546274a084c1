"""Answers that nobody asks for any more are cancelled after a while, and say so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from server.core.chat.attention import Attention
from server.errors import Unavailable
from server.model import Answer
from server.settings import Settings
from tests.core.chat.conftest import Chat, until
from tests.support.clock import pass_time
from tests.support.tenants import Tenant, make_tenant

SECONDS = 40.0


@pytest.fixture
async def chat(settings: Settings) -> AsyncIterator[Chat]:
    running = Chat(settings.model_copy(update={"answer_abandoned_seconds": SECONDS, "lease_seconds": 600.0}))
    running.models = await running.start(lambda _: ["Hel", "lo"])  # type: ignore[attr-defined]
    running.models.go.clear()  # type: ignore[attr-defined]
    # It is there since now.
    await running.application.dispatcher.sweep()
    yield running
    running.models.go.set()  # type: ignore[attr-defined]
    await running.application.stop()


@pytest.fixture
async def tenant(chat: Chat) -> Tenant:
    return await make_tenant(chat.application.database)


@pytest.fixture
async def given(chat: Chat, tenant: Tenant) -> Answer:
    """An answer that is being given and does not come to its end."""
    answer = await chat.ask(tenant, "hello", optimization_mode="lite")
    await until(lambda: chat.models.requests)
    return answer


async def passes(chat: Chat, seconds: float) -> None:
    """So long a time, with what a process does in it."""
    await chat.cases.attention.record()
    pass_time(chat.application.database, seconds)
    await chat.cases.attention.sweep()


async def found(chat: Chat, tenant: Tenant, answer: Answer) -> Answer:
    """The answer, without asking for it."""
    [turn] = [each for each in await chat.cases.conversations.turns(tenant.call(), "s", limit=9) if each.id == answer.id]
    return turn


async def test_what_nobody_asks_for_ends_with_what_had_come(chat: Chat, tenant: Tenant, given: Answer) -> None:
    behind = await chat.ask(tenant, "and then?", optimization_mode="lite")
    await passes(chat, 0.9 * SECONDS)
    assert (await found(chat, tenant, given)).is_open
    await passes(chat, 0.2 * SECONDS)
    ended = [await chat.cases.chat_answers.wait(each, 10) for each in (given, behind)]
    assert [(each.status, each.stop_reason, each.text) for each in ended] == [
        ("cancelled", "abandoned", "Hel"),
        ("cancelled", "abandoned", ""),
    ]
    assert len(chat.models.requests) == 1


@pytest.mark.parametrize("way", ["waits", "follows", "reads", "elsewhere"])
async def test_whoever_asks_for_it_keeps_it(chat: Chat, tenant: Tenant, given: Answer, way: str) -> None:
    asking = None
    if way == "waits":
        asking = asyncio.create_task(chat.cases.chat_answers.wait(given, 60))
    elif way == "follows":
        asking = asyncio.create_task(chat.heard(given))
    for _ in range(4):
        await asyncio.sleep(0.01)
        if way == "reads":
            await chat.cases.chat_answers.get(tenant.call(), given.id)
        elif way == "elsewhere":
            other = Attention(chat.application.database, seconds=SECONDS)
            with other.on(given):
                await other.record()
        await passes(chat, 0.6 * SECONDS)
        assert (await found(chat, tenant, given)).is_open
    if asking is not None:
        asking.cancel()
        await asyncio.wait([asking])
        # He has asked for it until now.
        await passes(chat, 0.6 * SECONDS)
        assert (await found(chat, tenant, given)).is_open
    await passes(chat, 1.2 * SECONDS)
    assert (await chat.cases.chat_answers.wait(given, 10)).stop_reason == "abandoned"


async def test_nobody_is_given_up_who_could_not_be_heard(
    chat: Chat, tenant: Tenant, given: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, attention = chat.application.database, chat.cases.attention
    pass_time(database, 2 * SECONDS)
    # A process that has just begun knows of nobody who had come to the one before it.
    new = Attention(database, seconds=SECONDS)
    assert await new.sweep() == 0
    # And while the store is away, nobody can be written down.
    asking = asyncio.create_task(chat.cases.chat_answers.wait(given, 60))
    await asyncio.sleep(0.01)
    with monkeypatch.context() as away:

        async def refuse(_body):
            raise Unavailable("away")

        away.setattr(database, "write", refuse)
        assert await attention.sweep() == 0
    assert await attention.sweep() == 0 and (await found(chat, tenant, given)).is_open
    asking.cancel()
    await asyncio.wait([asking])
    for each in (new, attention):
        await each.record()
    pass_time(database, 1.2 * SECONDS)
    assert await new.sweep() == 1


async def test_who_asks_is_written_down_together_and_not_where_nobody_does(
    chat: Chat, given: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes, write = [], chat.application.database.write

    async def counted(body):
        writes.append(body)
        return await write(body)

    attention = Attention(chat.application.database, seconds=SECONDS)
    monkeypatch.setattr(chat.application.database, "write", counted)
    before = len(writes)
    await attention.record()
    assert len(writes) == before
    with attention.on(given), attention.on(given):
        attention.note(given)
        await attention.record()
    assert sum("attention" in each.__code__.co_filename for each in writes[before:]) == 1


async def test_with_a_setting_of_nought_it_goes_on_for_as_long_as_it_takes(chat: Chat, given: Answer) -> None:
    patient = Attention(chat.application.database, seconds=0)
    pass_time(chat.application.database, 100 * SECONDS)
    assert await patient.sweep() == 0
    await patient.run()
