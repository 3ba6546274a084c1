"""Webhooks over one database and a clock that tests set; receivers are what the test says of each delivery."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from server.apis import wordings
from server.core.sessions.lifecycle import Sessions
from server.core.shared.count_cache import CountCache
from server.core.webhooks.addresses import AddressGuard
from server.core.webhooks.deliveries import Deliveries, Sent
from server.core.webhooks.fan_out import FanOut
from server.core.webhooks.queue import DeliveryQueue, Outcome, Report
from server.core.webhooks.registry import Webhooks
from server.core.webhooks.seals import Seals
from server.core.shared.sealing import Sealer
from server.model import Delivery, Session, Webhook
from server.settings import Settings
from server.store.bus import SocketBus
from server.store.database import Database
from server.store.feed import Feeds
from tests.support.tenants import Tenant

OK, FAILED = Outcome(200, 1.0, answer="ok"), Outcome(500, 1.0, answer="no")
Answer = Callable[[Delivery], Outcome]


class Post:
    def __init__(self, database: Database, settings: Settings, tenant: Tenant, sealer: Sealer | None = None) -> None:
        self.database, self.tenant = database, tenant
        counts, words = CountCache(database), wordings()
        self.seals = Seals(database, sealer or Sealer("s" * 32))
        self.feeds = Feeds(database, SocketBus(settings.run_dir))
        self.sessions = Sessions(database, counts, open_sessions=None)
        self.webhooks = Webhooks(database, counts, AddressGuard(allow_private=True), self.seals, words)
        self.deliveries = Deliveries(database, words)
        self.fan_out = FanOut(database, words)
        self.queue = DeliveryQueue(database, attempt_seconds=15)

    @property
    def call(self):
        return self.tenant.call()

    def wait(self, seconds: float) -> None:
        self.database.clock.wait(seconds)

    async def webhook(self, events: Sequence[str] = ("session.*",), **given: Any) -> Webhook:
        given = {"api": "native", "url": "https://example.com/", "events": list(events), **given}
        return await self.webhooks.create(self.call, **given)

    async def session(self, name: str = "s") -> Session:
        return await self.sessions.create(self.call, name=name)

    async def rename(self, session: Session, name: str) -> None:
        await self.sessions.update(self.call, session.id, name=name, description=None)

    async def fan(self) -> int:
        """How many deliveries are made of everything that is in the feed."""
        count, more = 0, True
        while more:
            made, more = await self.fan_out.advance()
            count += made
        return count

    async def claim(self, webhook: Webhook, limit: int = 100) -> list[Delivery]:
        return await self.queue.claim(webhook.id, "test", limit)

    async def record(self, deliveries: Sequence[Delivery], outcome: Outcome | Answer = OK) -> None:
        told = outcome if callable(outcome) else lambda _: outcome
        reports = [Report(each, told(each), self.database.clock()) for each in deliveries]
        if reports:
            await self.queue.record(reports)

    async def attempt(self, webhook: Webhook, outcome: Outcome | Answer = OK, limit: int = 100) -> list[Delivery]:
        """Claims what is due, and records the same outcome, or that of each, for all of it."""
        claimed = await self.claim(webhook, limit)
        await self.record(claimed, outcome)
        return claimed

    async def drain(self, webhook: Webhook, outcome: Outcome | Answer = OK) -> list[list[str]]:
        """What was attempted, round by round, as the names of sessions."""
        rounds = []
        while claimed := await self.attempt(webhook, outcome):
            rounds.append(sorted(name_of(each) for each in claimed))
        return rounds

    async def see(self, webhook: Webhook) -> Webhook:
        return await self.webhooks.get(self.call, webhook.id)

    async def sent(self, webhook: Webhook) -> list[Sent]:
        """Oldest first."""
        page = await self.deliveries.slice(self.call, webhook.id, limit=100, offset=0, state=None)
        return list(page.rows)[::-1]

    async def states(self, webhook: Webhook) -> list[str]:
        return [each.delivery.state for each in await self.sent(webhook)]

    async def types(self) -> list[str]:
        return [event.type for event in await self.feeds.page(self.tenant.caller.organization_id, 0, 10_000)]


def name_of(delivery: Delivery) -> str:
    return json.loads(delivery.body)["data"].get("name", "")
