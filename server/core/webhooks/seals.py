"""Seals: what of a webhook nobody reads in the database: its secrets, and its headers, which may hold others'."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from sqlalchemy import bindparam, select

from server.core.shared.sealing import Sealer, Unsealable
from server.core.webhooks.disabling import LOCK
from server.model import Webhook
from server.store.database import Database
from server.store.statement import Statement
from server.store.transaction import Transaction

# How often all webhooks are looked at, and how many at a time.
RENEWED_SECONDS, TOGETHER = 3600.0, 50
_webhooks = Webhook.table().c
_NEXT = Statement[Webhook](
    select(Webhook.table()).where(_webhooks.id > bindparam("after")).order_by(_webhooks.id).limit(TOGETHER), Webhook
)


class Seals:
    """Seals and opens, and seals anew what an earlier secret of the server has sealed, or none has."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database = database
        self._sealer = sealer
        self._renewed = -RENEWED_SECONDS

    def secret(self, webhook: Webhook) -> str:
        """The one that signs. Raises Unsealable."""
        return self._sealer.open(webhook.secret, webhook.id)

    def secrets(self, webhook: Webhook, now: int) -> list[str]:
        """Those that sign now (microseconds), the newest first. Raises Unsealable."""
        found = [self.secret(webhook)]
        if webhook.previous_secret is not None and now < (webhook.previous_secret_until or 0):
            # One that cannot be read any more was replaced for that reason.
            with suppress(Unsealable):
                found.append(self._sealer.open(webhook.previous_secret, webhook.id))
        return found

    def seal_secret(self, secret: str, identifier: str) -> str:
        """A secret as the row of the webhook with this id keeps it."""
        return self._sealer.seal(secret, identifier)

    def headers(self, webhook: Webhook) -> dict[str, str]:
        """The headers that its requests carry. Raises Unsealable."""
        kept = webhook.headers
        found: dict[str, str] = json.loads(kept if _is_open(kept) else self._sealer.open(kept, _owner(webhook.id)))
        return found

    def seal_headers(self, headers: Mapping[str, str], identifier: str) -> str:
        """Headers as the row of the webhook with this id keeps them; none are no secret."""
        return self._sealer.seal(json.dumps(headers), _owner(identifier)) if headers else "{}"

    async def renew(self) -> None:
        """Looks at all webhooks once an hour: for one that is never used nobody else would."""
        if time.monotonic() - self._renewed < RENEWED_SECONDS:
            return
        self._renewed = time.monotonic()
        after = ""
        while found := await self._database.all(_NEXT, after=after):
            for webhook in found:
                if self._anew(webhook):
                    await self._renew(webhook.id)
            after = found[-1].id

    async def _renew(self, identifier: str) -> None:
        async def body(transaction: Transaction) -> None:
            webhook = await transaction.one(LOCK, webhook=identifier)
            if webhook is not None and (changed := self._anew(webhook)):
                await transaction.update(webhook, **changed)

        await self._database.write(body)

    def _anew(self, webhook: Webhook) -> dict[str, Any]:
        """The columns that are to be sealed with the present secret; what nobody can read stays as it is."""
        changed: dict[str, Any] = {}
        for column, owner in (("secret", webhook.id), ("previous_secret", webhook.id), ("headers", _owner(webhook.id))):
            kept = webhook.values()[column]
            if not kept or kept == "{}":
                continue
            with suppress(Unsealable):
                if _is_open(kept):
                    changed[column] = self._sealer.seal(kept, owner)
                elif self._sealer.is_stale(kept, owner):
                    changed[column] = self._sealer.seal(self._sealer.open(kept, owner), owner)
        return changed


def _is_open(headers: str) -> bool:
    """Whether they are plain JSON: a row that keeps none, or one from before they were sealed."""
    return headers.startswith("{")


def _owner(identifier: str) -> str:
    """Whose headers these are, to the sealer: what is sealed as headers opens as no secret."""
    return f"{identifier}/headers"
