"""A whole server tells people: at once, over mail where that is set, and also of what it has slept through."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest

from server.app import Application
from server.core.shared.call_context import Call, Caller
from server.model import User
from server.settings import Settings
from tests.support.mailbox import Mailbox
from tests.support.people import happen, make_task, person
from tests.support.tenants import Tenant
from tests.support.waiting import eventually


@pytest.fixture
async def mailbox() -> AsyncIterator[Mailbox]:
    async with Mailbox() as opened:
        yield opened


@pytest.fixture
def settings(settings: Settings, mailbox: Mailbox) -> Settings:
    return settings.model_copy(
        update={"smtp_host": "127.0.0.1", "smtp_port": mailbox.port, "smtp_security": "none", "workers": 1}
    )


async def told(application: Application, user: User) -> int:
    call = Call(Caller(user.organization_id, user.id, "key", frozenset("*")), "request")
    return (await application.use_cases.inbox.slice(call, limit=1, offset=0)).total


async def test_whoever_has_just_come_is_told_and_mailed_at_once(
    application: Application, tenant: Tenant, mailbox: Mailbox
) -> None:
    database, organization = application.database, tenant.caller.organization_id
    # Nobody can log in yet, which the server now knows.
    await happen(database, "task.completed", await make_task(database, organization, None, attempt=1))
    await eventually(lambda: application.notifications._notifier.cursors.knows_nobody(organization))
    ada = await person(database, organization)
    await happen(database, "user.registered", ada)
    await happen(database, "task.completed", await make_task(database, organization, ada, attempt=1))
    await eventually(lambda: len(mailbox.mails) == 1)
    assert mailbox.mails[0]["To"].endswith(f"<{ada.email}>") and await told(application, ada) == 1


async def test_a_server_that_starts_tells_what_happened_meanwhile(
    settings: Settings, application: Application, tenant: Tenant, mailbox: Mailbox
) -> None:
    database, organization = application.database, tenant.caller.organization_id
    ada = await person(database, organization)
    await application.notifications.stop()
    await happen(database, "task.failed", await make_task(database, organization, ada, attempt=1))
    assert await told(application, ada) == 0
    # As another process would.
    application.notifications._changed.clear()
    application.notifications.start()
    await eventually(lambda: len(mailbox.mails) == 1)
    assert await told(application, ada) == 1


async def test_who_has_forgotten_his_password_gets_mail_and_nobody_else_does(
    application: Application, mailbox: Mailbox
) -> None:
    call = Call(Caller("", "", "", frozenset()), "request")
    cases = application.use_cases
    ada = (await cases.registration.register(call, email="ada@example.com", password="kX9-lamp-river", name="Ada")).user
    for address in ("nobody@example.com", ada.email):
        await cases.password_resets.request(call, address)
    await eventually(lambda: len(mailbox.mails) == 1)
    (mail,) = mailbox.mails
    assert mail["To"] == "Ada <ada@example.com>" and mail["Subject"] == "Another password"
    (token,) = re.findall(r"http://localhost:3000/oauth/password\?token=(pwr_[\w-]+)", mail.get_content())
    again = await cases.password_resets.reset(call, token, "another-kX9-lamp")
    assert again.user.id == ada.id
