"""Retention: what is older than it is kept is forgotten, once a minute."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence

from server.core.agents.duties import forget_duties
from server.core.chat.forgetting import forget_answers
from server.core.identity.past_logins import forget_logins
from server.core.shared import idempotency
from server.core.use_cases import UseCases
from server.core.workers.bounds import forget_ended
from server.settings import Settings
from server.store.database import Database

HOUR = 3600 * 1_000_000
DAY = 24 * HOUR
TRIM_SECONDS = 60.0


class Retention:
    """One process's share; several may run. `others` remove what is in no database."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        use_cases: UseCases,
        others: Sequence[Callable[[], Awaitable[object]]],
    ) -> None:
        self._settings = settings
        self._database = database
        self._use_cases = use_cases
        self._others = others
        self._trimmed = time.monotonic()

    async def sweep(self) -> None:
        """Forgets what is old, where that was not done a moment ago."""
        if time.monotonic() - self._trimmed < TRIM_SECONDS:
            return
        self._trimmed = time.monotonic()
        cases, now = self._use_cases, self._database.clock()
        retained = now - int(self._settings.event_retention_hours * HOUR)
        await cases.events.trim(retained)
        await cases.deliveries.forget(retained)
        await cases.audit_log.forget(retained)
        await cases.inbox.forget(now - int(self._settings.notification_days * DAY))
        await idempotency.forget(self._database, now - int(self._settings.idempotency_hours * HOUR))
        await forget_answers(self._database, retained)
        await cases.attempts.forget()
        await forget_logins(self._database, now)
        await cases.authorization_codes.forget(now)
        await cases.password_resets.forget(now)
        await cases.invitations.forget(now)
        await forget_ended(self._database, now - DAY)
        await forget_duties(self._database)
        await cases.webhook_seals.renew()
        for forget in self._others:
            await forget()
