"""The loops of webhooks: whoever is slow delays nobody else, bounds hold, and what is under way at a stop is not lost."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from server.core.webhooks.addresses import AddressGuard
from server.core.webhooks.queue import Report
from server.core.webhooks.receivers import Receivers
from server.core.webhooks.sending import Sending
from server.model import Delivery, Webhook
from server.settings import Settings
from server.store.database import Database
from server.work import webhooks as loops
from server.work.webhooks import OF_ONE, WebhookLoops
from tests.core.webhooks.post import Post
from tests.support.receiver import Answer, Receiver
from tests.support.tenants import make_tenant
from tests.support.waiting import eventually


class Running(Post):
    """With the loops of a server process."""

    async def start(self, seconds: float = 15) -> None:
        self.feeds.start()
        self.receivers = Receivers(AddressGuard(allow_private=True), seconds=seconds)
        self.loops = WebhookLoops(self.fan_out, self.queue, Sending(self.database, self.receivers, self.seals), self.feeds)
        self.loops.start()

    async def stop(self) -> None:
        await self.loops.stop(0.1)
        await self.receivers.close()


@pytest.fixture
async def running(database: Database, settings: Settings) -> AsyncIterator[Running]:
    opened = Running(database, settings, await make_tenant(database))
    await opened.start()
    yield opened
    await opened.stop()


async def test_receivers_that_hang_delay_nobody_else_and_have_few_places(running: Running) -> None:
    async with Receiver(lambda _: Answer(hang=True)) as hanging, Receiver() as good:
        for _ in range(4):
            await running.webhook(url=hanging.url)
        await running.webhook(url=good.url)
        for n in range(3 * OF_ONE):
            await running.session(str(n))
        await good.until(3 * OF_ONE)
        await eventually(lambda: hanging.connections == 4 * OF_ONE)
        assert all(count <= OF_ONE for count in running.loops._under_way.values())
        began = asyncio.get_running_loop().time()
        await running.session("one more")
        await good.until(3 * OF_ONE + 1)
        # Fifty milliseconds are what is promised on a machine that does nothing else.
        assert good.received[-1].at - began < 1


async def test_a_failing_receiver_gets_few_attempts_at_a_time(running: Running) -> None:
    async with Receiver(lambda _: Answer(500)) as receiver:
        webhook = await running.webhook(url=receiver.url)
        await running.session()
        await eventually(lambda: running.loops._under_way == {} and len(receiver.received) == 1)
        await eventually(lambda: _failing(running, webhook))
        receiver.answer = lambda _: Answer(hang=True)
        for n in range(10):
            await running.session(str(n))
        await eventually(lambda: len(receiver.received) == 3)
        assert running.loops._under_way == {webhook.id: 2}


async def _failing(running: Running, webhook) -> bool:
    return (await running.see(webhook)).failing_since is not None


async def test_what_is_not_answered_at_a_stop_is_attempted_by_the_next_process_at_once(
    running: Running, settings: Settings
) -> None:
    async with Receiver(lambda _: Answer(hang=True)) as receiver:
        webhook = await running.webhook(url=receiver.url)
        await running.session()
        await receiver.until(1)
        await running.loops.stop(0)
        receiver.answer = lambda _: Answer()
        other = Running(running.database, settings, running.tenant)
        await other.start()
        await receiver.until(2)
        await eventually(lambda: _states(other, webhook))
        await other.stop()
        await running.receivers.close()
        await running.start()
    assert {each.id for each in receiver.received} == {f"delivery_{(await other.sent(webhook))[0].delivery.id}"}


async def _states(running: Running, webhook) -> bool:
    return await running.states(webhook) == ["delivered"]


async def test_many_events_of_many_sessions_arrive_each_once_and_in_order(running: Running) -> None:
    async with Receiver() as receiver:
        await running.webhook(url=receiver.url)

        async def live(number: int) -> None:
            session = await running.session(f"{number} 0")
            for step in range(1, 5):
                await running.rename(session, f"{number} {step}")

        await asyncio.gather(*(live(number) for number in range(20)))
        names = [each.json["data"]["name"].split() for each in await receiver.until(100)]
    assert max(Counter(each.id for each in receiver.received).values()) == 1
    for number in range(20):
        assert [step for session, step in names if session == str(number)] == list("01234")


async def test_webhooks_have_their_turns_however_much_waits_for_the_first(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loops, "IN_ALL", 2)
    turns: list[str] = []
    async with Receiver(lambda asked: turns.append(asked.path) or Answer()) as receiver:
        for path in "abc":
            await running.webhook(["session.created"], url=f"http://127.0.0.1:{receiver.port}/{path}")
        for n in range(10):
            await running.session(str(n))
        await receiver.until(30)
    assert all(turns.index(f"/{path}") < 12 for path in "abc"), turns


async def test_an_organization_whose_receivers_hang_leaves_places_to_others(
    running: Running, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loops, "IN_ALL", 8)
    neighbour = Post(running.database, settings, await make_tenant(running.database))
    async with Receiver(lambda _: Answer(hang=True)) as hanging, Receiver() as good:
        for _ in range(5):
            await running.webhook(["session.created"], url=hanging.url)
        for n in range(3):
            await running.session(str(n))
        await eventually(lambda: len(hanging.received) == 4)
        await neighbour.webhook(["session.created"], url=good.url)
        for n in range(6):
            await neighbour.session(str(n))
        await good.until(6)
        assert len(hanging.received) == 4


async def test_an_outcome_that_cannot_be_recorded_keeps_no_other_from_being_recorded(running: Running) -> None:
    async with Receiver() as receiver:
        bad, good = [await running.webhook(["session.created"], url=f"{receiver.url}/{n}") for n in range(2)]
        send = running.loops._sending.send

        async def sent(webhook: Webhook, delivery: Delivery) -> Report:
            report = await send(webhook, delivery)
            # No database takes half a character.
            return replace(report, outcome=replace(report.outcome, answer="\ud800")) if webhook.id == bad.id else report

        running.loops._sending.send = sent
        async with running.loops._recording:
            for n in range(3):
                await running.session(str(n))
            await eventually(lambda: len(running.loops._reports) == 6)
        await eventually(lambda: _delivered(running, good, 3))
        assert await running.states(bad) == ["pending"] * 3


async def _delivered(running: Running, webhook: Webhook, count: int) -> bool:
    return await running.states(webhook) == ["delivered"] * count
