"""Alerts: raised once for a cause, resolved when it is gone, each with its event."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import bindparam, select

from server.model import Alert, new_id
from server.store.statement import Statement
from server.store.transaction import Transaction

_alerts = Alert.table().c
_OPEN = Statement[Alert](
    select(Alert.table()).where(
        _alerts.organization_id == bindparam("organization"),
        _alerts.kind == bindparam("kind"),
        _alerts.subject == bindparam("subject"),
        _alerts.resolved_at.is_(None),
    ),
    Alert,
)


async def warn(
    transaction: Transaction,
    organization: str,
    kind: str,
    message: str,
    *,
    subject: str = "",
    severity: str = "warning",
    details: Mapping[str, Any] | None = None,
) -> Alert | None:
    """Raises an alert (`system.alert`) unless one of its kind is open for this subject."""
    if await transaction.one(_OPEN, organization=organization, kind=kind, subject=subject) is not None:
        return None
    alert = Alert.new(
        id=new_id(),
        organization_id=organization,
        kind=kind,
        subject=subject,
        severity=severity,
        message=message,
        details=json.dumps(dict(details or {}), separators=(",", ":")),
        created_at=transaction.now,
    )
    await transaction.insert(alert)
    transaction.emit("system.alert", alert)
    return alert


async def resolve(transaction: Transaction, organization: str, kind: str, *, subject: str = "") -> None:
    """Resolves the open alert of a kind (`system.alert_resolved`), if there is one."""
    alert = await transaction.one(_OPEN, organization=organization, kind=kind, subject=subject)
    if alert is not None:
        transaction.emit("system.alert_resolved", await transaction.update(alert, resolved_at=transaction.now))
