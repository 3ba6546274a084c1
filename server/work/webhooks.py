"""The loops of webhooks: events become deliveries, due deliveries are sent, and what came of them is recorded."""

from __future__ import annotations

import asyncio
import os
import socket
from collections import Counter

import structlog

from server.core.webhooks.fan_out import FanOut
from server.core.webhooks.queue import DeliveryQueue, Outcome, Report
from server.core.webhooks.sending import Sending
from server.errors import ServiceError
from server.model import Delivery, Event, Webhook, new_id
from server.store.feed import Feeds
from server.store.forever import forever, set_within

# Looking without having been told is only the safety net.
POLL_SECONDS = 1.0
# Events, and outcomes, are looked at together.
GATHER_SECONDS = 0.005
# Attempts under way at a time: in all, of one webhook, and of one whose last attempt failed. The last ones are few so
# that receivers that hang, each for as long as an attempt may take, do not use up the places of all.
IN_ALL, OF_ONE, OF_FAILING = 256, 16, 2
# How many outcomes are recorded in one transaction, and how often that is tried again.
RECORDED, TRIES = 64, 5
log = structlog.get_logger()


class WebhookLoops:
    """One process's share. Several may run: a delivery is attempted by whoever claims it first."""

    def __init__(self, fan_out: FanOut, queue: DeliveryQueue, sending: Sending, feeds: Feeds) -> None:
        self._fan_out = fan_out
        self._queue = queue
        self._sending = sending
        self._feeds = feeds
        self.holder = f"{socket.gethostname()}/{os.getpid()}/{new_id()}"
        # Organizations with new events, and whether anybody may want to be told of any.
        self._changed: set[str] = set()
        self._listened = True
        self._events, self._due, self._done = asyncio.Event(), asyncio.Event(), asyncio.Event()
        # Attempts under way, by webhook and by organization, and the webhook that was the last to have its turn.
        self._under_way: Counter[str] = Counter()
        self._of_organization: Counter[str] = Counter()
        self._turn = ""
        self._attempts: set[asyncio.Task[None]] = set()
        self._reports: list[Report] = []
        self._recording = asyncio.Lock()
        self._loops: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begins to look."""
        self._feeds.on_change.append(self._look)
        self._loops = [
            asyncio.create_task(forever(f"webhooks {name}", loop))
            for name, loop in (("fan out", self._fan), ("send", self._send), ("record", self._record))
        ]

    async def stop(self, seconds: float) -> None:
        """Attempts nothing more, lets what is under way end for `seconds`, and gives the rest back."""
        fan, send, record = self._loops
        for loop in (fan, send):
            loop.cancel()
        await asyncio.gather(fan, send, return_exceptions=True)
        if self._attempts:
            _, late = await asyncio.wait(self._attempts, timeout=seconds)
            for attempt in late:
                attempt.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        # What is being recorded would be attempted again.
        async with self._recording:
            record.cancel()
        await asyncio.gather(record, return_exceptions=True)
        try:
            await self._record_all()
            await self._queue.give_back(self.holder)
        except ServiceError as error:
            log.warning("deliveries are not given back, and are attempted when their leases end", reason=error.reason)

    def wake(self) -> None:
        """There may be something to send."""
        self._due.set()

    def _look(self, events: list[Event] | None) -> None:
        # What another process has recorded, that process looks at; and who looks at all of it is the poll.
        for event in events or ():
            values = event.values()
            if values["type"].startswith("webhook."):
                self._listened = True
                self._due.set()
            if self._listened:
                self._changed.add(values["organization_id"])
        if self._changed:
            self._events.set()

    async def _fan(self) -> None:
        loop = asyncio.get_running_loop()
        polled = 0.0
        while True:
            self._events.clear()
            organizations: set[str] | None
            if loop.time() - polled >= POLL_SECONDS:
                organizations, polled = None, loop.time()
                self._changed.clear()
                self._listened = await self._fan_out.any_webhooks()
            else:
                organizations, self._changed = self._changed, set()
            more = False
            if self._listened and (organizations is None or organizations):
                made, more = await self._fan_out.advance(organizations)
                if made:
                    self._due.set()
            if more:
                # The same again, and whatever has come meanwhile.
                if organizations is None:
                    polled = 0.0
                else:
                    self._changed |= organizations
                await asyncio.sleep(0)
            elif await set_within(self._events, max(0.0, polled + POLL_SECONDS - loop.time())):
                await asyncio.sleep(GATHER_SECONDS)

    async def _send(self) -> None:
        while True:
            self._due.clear()
            await self._claim_round()
            if not self._due.is_set():
                await set_within(self._due, await self._pause())
            # What ends in the same moment makes room together.
            await asyncio.sleep(GATHER_SECONDS)

    async def _pause(self) -> float:
        """Seconds until the next delivery is due, as far as that is known here."""
        next_time = await self._queue.next_time()
        if next_time is None:
            return POLL_SECONDS
        # What is due and was not claimed has no place now: whoever ends says so.
        seconds = (next_time - self._queue.now()) / 1_000_000
        return min(POLL_SECONDS, seconds) if seconds > 0 else POLL_SECONDS

    async def _claim_round(self) -> None:
        """Begins attempts for each webhook that has due deliveries and places for them, from behind the last one on."""
        first = after = self._turn
        around = not first
        while len(self._attempts) < IN_ALL:
            found = await self._queue.next_webhook(after)
            if found is None and not around:
                after, around = "", True
                continue
            if found is None or (around and first and found > first):
                return
            after = found
            # A look at the webhook itself only where there may be room for another attempt.
            webhook = await self._queue.webhook(found) if self._under_way[found] < OF_ONE else None
            if webhook is not None and (places := self._places(webhook)) > 0:
                self._turn = found
                for delivery in await self._queue.claim(found, self.holder, places):
                    self._begin(webhook, delivery)

    def _places(self, webhook: Webhook) -> int:
        """How many more attempts of a webhook may begin."""
        most = OF_ONE if webhook.failing_since is None else OF_FAILING
        ours = self._of_organization[webhook.organization_id]
        left = IN_ALL - len(self._attempts) + ours
        return min(most - self._under_way[webhook.id], (left + 1) // 2 - ours)

    def _begin(self, webhook: Webhook, delivery: Delivery) -> None:
        attempt = asyncio.create_task(self._attempt(webhook, delivery))
        counts = ((self._under_way, webhook.id), (self._of_organization, webhook.organization_id))
        for count, key in counts:
            count[key] += 1
        self._attempts.add(attempt)

        def ended(task: asyncio.Task[None]) -> None:
            self._attempts.discard(task)
            for count, key in counts:
                count[key] -= 1
                if not count[key]:
                    del count[key]
            self._due.set()

        attempt.add_done_callback(ended)

    async def _attempt(self, webhook: Webhook, delivery: Delivery) -> None:
        try:
            report = await self._sending.send(webhook, delivery)
        except Exception:
            log.exception("bug", delivery=delivery.id)
            report = Report(delivery, Outcome(None, 0.0, "something went wrong on our side"), self._queue.now())
        self._reports.append(report)
        self._done.set()

    async def _record(self) -> None:
        while True:
            await self._done.wait()
            self._done.clear()
            await asyncio.sleep(GATHER_SECONDS)
            await self._record_all()

    async def _record_all(self) -> None:
        async with self._recording:
            while self._reports:
                reports, self._reports = self._reports[:RECORDED], self._reports[RECORDED:]
                await self._record_surely(reports)
                self._due.set()

    async def _record_surely(self, reports: list[Report]) -> None:
        for tried in range(TRIES):
            try:
                await self._queue.record(reports)
                return
            except ServiceError as error:
                # Where this never succeeds the leases end, and the deliveries are attempted again.
                log.warning("attempts not recorded", count=len(reports), reason=error.reason, tried=tried)
                await asyncio.sleep(0.2 * 2**tried)
            except Exception:
                # Something is wrong with one of them, which must not keep the others from being recorded.
                log.exception("bug", deliveries=[report.delivery.id for report in reports])
                if len(reports) > 1:
                    for report in reports:
                        await self._record_surely([report])
                return
