"""The loops of notifications: events become what people are told, and what is due is mailed, also to who forgets."""

from __future__ import annotations

import asyncio

from server.core.notifications.consumer import Notifier
from server.core.notifications.mail import MailQueue
from server.core.notifications.rules import TOLD
from server.core.people.password_reset import PasswordResets
from server.model import Event
from server.store.feed import Feeds
from server.store.forever import forever, set_within
from server.work.mail import MailServer

# Looking without having been told is only the safety net, and looking for new organizations is rarer still.
POLL_SECONDS, NEW_SECONDS = 1.0, 30.0
GATHER_SECONDS = 0.005
# How long mail waits at least between two connections that took nothing.
PAUSE_SECONDS = 5.0
COMES = "user."


class NotificationLoops:
    """One process's share. Several may run."""

    def __init__(
        self, notifier: Notifier, mails: MailQueue, resets: PasswordResets, server: MailServer | None, feeds: Feeds
    ) -> None:
        self._notifier = notifier
        self._mails = mails
        self._resets = resets
        self._server = server
        self._feeds = feeds
        self._changed: set[str] = set()
        self._events, self._due = asyncio.Event(), asyncio.Event()
        self._loops: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begins to look."""
        self._feeds.on_change.append(self._look)
        self._loops = [asyncio.create_task(forever("notifications", self._tell))]
        if self._server is not None:
            self._loops.append(asyncio.create_task(forever("mail", self._mail)))
            self._loops.append(asyncio.create_task(forever("resets", self._mail_resets)))

    async def stop(self) -> None:
        """Tells nobody more. Mail that is being sent is finished by its thread, and may go out again."""
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)

    def _look(self, events: list[Event] | None) -> None:
        for event in events or ():
            values = event.values()
            if values["type"] in TOLD:
                if not self._notifier.cursors.knows_nobody(values["organization_id"]):
                    self._changed.add(values["organization_id"])
            elif values["type"].startswith(COMES):
                self._notifier.cursors.forget(values["organization_id"])
                self._changed.add(values["organization_id"])
            elif values["type"] == "notification.created":
                self._due.set()
        if self._changed:
            self._events.set()

    async def _tell(self) -> None:
        loop = asyncio.get_running_loop()
        polled = looked = float("-inf")
        while True:
            self._events.clear()
            changed, self._changed = self._changed, set()
            if changed:
                self._changed |= await self._notifier.advance(changed)
            if loop.time() - looked >= NEW_SECONDS:
                await self._notifier.cursors.find_new()
                looked = loop.time()
            if loop.time() - polled >= POLL_SECONDS and not await self._notifier.catch_up():
                polled = loop.time()
            if self._changed:
                await asyncio.sleep(0)
            elif await set_within(self._events, max(0.0, polled + POLL_SECONDS - loop.time())):
                await asyncio.sleep(GATHER_SECONDS)

    async def _mail(self) -> None:
        server = self._server
        while server is not None:
            self._due.clear()
            mails = await self._mails.claim()
            if mails:
                taken = await server.send([mail.letter for mail in mails])
                await self._mails.record(mails, taken)
                if not taken:
                    await asyncio.sleep(PAUSE_SECONDS)
                continue
            seconds = await self._mails.seconds()
            await set_within(self._due, min(POLL_SECONDS, seconds) if seconds else POLL_SECONDS)

    async def _mail_resets(self) -> None:
        """Over a connection of their own: somebody waits for them."""
        server = self._server
        while server is not None:
            letters = await self._resets.letters()
            if letters:
                await self._resets.record(letters, await server.send(letters))
            else:
                await asyncio.sleep(POLL_SECONDS)
