"""Webhooks: create, read, change, switch on and off, give a new secret, delete."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, func, select

from server.core.identity.organizations import LOCK_ORGANIZATION
from server.core.shared.call_context import Call
from server.core.shared.count_cache import CountCache
from server.core.shared.pagination import Listing, Page
from server.core.shared.resource import Resource, change
from server.core.shared.sealing import Unsealable
from server.core.webhooks import lanes
from server.core.webhooks.addresses import AddressGuard
from server.core.webhooks.disabling import cancel_deliveries, disable
from server.core.webhooks.headers import check_headers
from server.core.webhooks.seals import Seals
from server.core.webhooks.signatures import check_secret, new_secret
from server.core.webhooks.wording import Wording, check_events
from server.errors import InvalidRequest, TooMany
from server.model import DeliveryOrder, DisabledReason, Webhook, new_id
from server.store.database import Database
from server.store.feed import HEAD
from server.store.statement import Statement
from server.store.transaction import Transaction

MOST = 100
DAY = 24 * 3600
# For how long the secret before the present one signs as well, unless the caller says otherwise, and at most.
OVERLAP_SECONDS, MOST_OVERLAP_SECONDS = DAY, 7 * DAY
SECOND = 1_000_000
# What stands for the value of a header that the caller may not see.
HIDDEN = "********"

_webhooks = Webhook.table().c
_live = _webhooks.deleted_at.is_(None)
WEBHOOKS = Resource(Webhook, "webhook", _live)
_LIST = Listing(
    Webhook,
    [_live],
    [],
    measured=["headers", "description", "url", "events"],
    large=True,
)
_COUNT = Statement[Any](
    select(func.count())
    .select_from(Webhook.table())
    .where(_webhooks.organization_id == bindparam("organization"), _live)
)


class Webhooks:
    """The webhooks of every organization; each call sees its own."""

    def __init__(
        self,
        database: Database,
        counts: CountCache,
        guard: AddressGuard,
        seals: Seals,
        wordings: Iterable[Wording],
    ) -> None:
        self._database = database
        self._counts = counts
        self._guard = guard
        self._seals = seals
        self._wordings = {wording.api: wording for wording in wordings}

    async def create(
        self,
        call: Call,
        *,
        api: str,
        url: str,
        events: Sequence[str],
        description: str = "",
        headers: Mapping[str, object] | None = None,
        secret: str = "",
        ordering: str = DeliveryOrder.SUBJECT.value,
        enabled: bool = True,
    ) -> Webhook:
        """A new webhook, which is told of what happens from now on, in the words of `api`. Raises TooMany.

        Raises InvalidRequest where its URL, events, headers or secret cannot be.
        """
        patterns = json.dumps(check_events(events, self._wordings[api]))
        headers = check_headers(headers or {})
        secret = check_secret(secret) if secret else new_secret()
        await self._guard.check(url)

        async def make(transaction: Transaction) -> Webhook:
            await self._check_room(transaction, call)
            now, identifier = transaction.now, new_id()
            webhook = Webhook.new(
                id=identifier,
                organization_id=call.organization_id,
                owner=call.caller.owner,
                api=api,
                url=url,
                description=description,
                events=patterns,
                headers=self._seals.seal_headers(headers, identifier),
                ordering=ordering,
                secret=self._seals.seal_secret(secret, identifier),
                disabled_reason="" if enabled else DisabledReason.REQUESTED.value,
                disabled_at=None if enabled else now,
                cursor=await _head(transaction, call.organization_id),
                created_at=now,
                updated_at=now,
            )
            await transaction.insert(webhook)
            transaction.emit("webhook.created", webhook)
            return webhook

        # It holds the secret, which must not lie about with answers: a repeated request shows the row again.
        call.keep_answer = False
        return await WEBHOOKS.create(self._database, call, make)

    async def _check_room(self, transaction: Transaction, call: Call) -> None:
        # Two creates at once must not both see one place left.
        await transaction.one(LOCK_ORGANIZATION, organization=call.organization_id)
        row = await transaction.one(_COUNT, organization=call.organization_id)
        if row is not None and row[0] >= MOST:
            raise TooMany(f"there are {row[0]} webhooks, and {MOST} is the limit", details={"limit": MOST})

    async def get(self, call: Call, identifier: str) -> Webhook:
        """One webhook. Raises NotFound."""
        return await WEBHOOKS.get(self._database, call, identifier)

    async def page(self, call: Call, *, size: int, token: str) -> Page[Webhook]:
        """Webhooks newest first, by page token."""
        return await _LIST.page(self._database, call.organization_id, size=size, token=token)

    async def slice(self, call: Call, *, limit: int, offset: int) -> Page[Webhook]:
        """Webhooks newest first, from an offset, with their number."""
        return await _LIST.slice(self._database, self._counts, call.organization_id, limit=limit, offset=offset)

    def secret_of(self, webhook: Webhook) -> str:
        """The secret, for the answer to who has just made it."""
        return self._seals.secret(webhook)

    def headers_of(self, call: Call, webhook: Webhook) -> dict[str, str]:
        """The headers that its requests carry: their names alone for who may not change them, for they may be secrets.

        Whoever may could have them sent to himself. None where API_SECRET_KEY has changed.
        """
        try:
            headers = self._seals.headers(webhook)
        except Unsealable:
            return {}
        if headers:
            # They must not lie about with answers either.
            call.keep_answer = False
        return headers if call.caller.may("webhooks:write") else dict.fromkeys(headers, HIDDEN)

    async def update(
        self,
        call: Call,
        identifier: str,
        *,
        url: str | None = None,
        events: Sequence[str] | None = None,
        description: str | None = None,
        headers: Mapping[str, object] | None = None,
        ordering: str | None = None,
        enabled: bool | None = None,
    ) -> Webhook:
        """Changes what is not None. Raises NotFound, VersionMismatch, InvalidRequest."""
        before = await self.get(call, identifier)
        given = {
            "url": url,
            "description": description,
            "ordering": ordering,
            "events": json.dumps(check_events(events, self._wordings[before.api])) if events is not None else None,
            "headers": self._seals.seal_headers(check_headers(headers), before.id) if headers is not None else None,
        }
        changes = {column: value for column, value in given.items() if value is not None}
        if url is not None:
            await self._guard.check(url)

        async def act(transaction: Transaction, webhook: Webhook) -> Webhook:
            if changes or enabled is None:
                ordered = webhook.ordering
                webhook = await change(transaction, webhook, **changes)
                transaction.emit("webhook.updated", webhook)
                if webhook.ordering != ordered:
                    await lanes.reorder(transaction, webhook.id, webhook.ordering)
            if enabled is not None:
                webhook = await _switch(transaction, webhook, on=enabled)
            return webhook

        return await WEBHOOKS.once(self._database, call, identifier, act)

    async def enable(self, call: Call, identifier: str) -> Webhook:
        """Tells it of what happens from now on. Raises NotFound, VersionMismatch."""
        return await WEBHOOKS.once(
            self._database, call, identifier, lambda transaction, webhook: _switch(transaction, webhook, on=True)
        )

    async def disable(self, call: Call, identifier: str) -> Webhook:
        """Tells it nothing more, and cancels what waits. Raises NotFound, VersionMismatch."""
        return await WEBHOOKS.once(
            self._database, call, identifier, lambda transaction, webhook: _switch(transaction, webhook, on=False)
        )

    async def rotate_secret(
        self, call: Call, identifier: str, *, secret: str = "", overlap_seconds: float = OVERLAP_SECONDS
    ) -> Webhook:
        """A new secret; the one before signs as well for so long. Raises NotFound, VersionMismatch, InvalidRequest."""
        secret = check_secret(secret) if secret else new_secret()
        if not 0 <= overlap_seconds <= MOST_OVERLAP_SECONDS:
            raise InvalidRequest("overlap_seconds", f"must be 0 to {MOST_OVERLAP_SECONDS}")

        async def act(transaction: Transaction, webhook: Webhook) -> Webhook:
            rotated = await change(
                transaction,
                webhook,
                secret=self._seals.seal_secret(secret, webhook.id),
                previous_secret=webhook.secret if overlap_seconds else None,
                previous_secret_until=transaction.now + int(overlap_seconds * SECOND) if overlap_seconds else None,
            )
            transaction.emit("webhook.secret_rotated", rotated)
            return rotated

        call.keep_answer = False
        return await WEBHOOKS.once(self._database, call, identifier, act)

    async def delete(self, call: Call, identifier: str) -> Webhook:
        """Deletes a webhook; nothing more is sent to it. Raises NotFound, VersionMismatch."""

        async def act(transaction: Transaction, webhook: Webhook) -> Webhook:
            await cancel_deliveries(transaction, webhook)
            forgotten = {"secret": "", "previous_secret": None, "headers": "{}"}
            deleted = await change(transaction, webhook, deleted_at=transaction.now, **forgotten)
            transaction.emit("webhook.deleted", deleted)
            return deleted

        return await WEBHOOKS.once(self._database, call, identifier, act)


async def _switch(transaction: Transaction, webhook: Webhook, *, on: bool) -> Webhook:
    if not on:
        return await disable(transaction, webhook, DisabledReason.REQUESTED)
    if webhook.enabled:
        return webhook
    # What happened meanwhile is not sent: `rewind` is there for who wants it.
    enabled = await change(
        transaction,
        webhook,
        disabled_reason="",
        disabled_at=None,
        failing_since=None,
        cursor=await _head(transaction, webhook.organization_id),
    )
    transaction.emit("webhook.enabled", enabled)
    return enabled


async def _head(transaction: Transaction, organization: str) -> int:
    feed = await transaction.one(HEAD, organization=organization)
    return feed.head if feed is not None else 0
