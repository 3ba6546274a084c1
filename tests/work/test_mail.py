"""Mail to people: over real SMTP, to those who want it, again when it fails, and never for ever."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import threading
from datetime import datetime
from email.errors import MessageError
from email.message import EmailMessage
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from server.core.notifications.consumer import Notifier
from server.core.notifications.inbox import Inbox
from server.core.notifications.mail import APART, DELAYS, SHOWN, TOGETHER, MailQueue
from server.core.shared.call_context import Call, Caller
from server.core.shared.letter import Letter
from server.store.database import Database
from server.work import mail
from server.work.mail import MailServer
from tests.support.clock import Clock
from tests.support.mailbox import Mailbox
from tests.support.people import happen, make_task, person
from tests.support.tenants import make_tenant


class Post:
    def __init__(self, database: Database, port: int) -> None:
        self.database = database
        self.queue = MailQueue(database)
        self.server = MailServer("127.0.0.1", port, "Orchestrator <bot@example.org>", security="none", seconds=5)

    async def start(self) -> None:
        self.database.clock = Clock()
        self.organization = (await make_tenant(self.database)).caller.organization_id

    async def complete(self, *people, title: str = "Build it") -> None:
        for each in people:
            task = await make_task(self.database, self.organization, each, attempt=1)
            await happen(self.database, "task.completed", type(task).new(**{**task.values(), "title": title}))
        await Notifier(self.database, mails=True).advance([self.organization])

    async def round(self) -> int:
        mails = await self.queue.claim()
        await self.queue.record(mails, await self.server.send([each.letter for each in mails]) if mails else [])
        return len(mails)

    def wait(self, microseconds: int = APART) -> None:
        self.database.clock.wait(microseconds / 1_000_000)


@pytest.fixture
async def mailbox():
    async with Mailbox() as opened:
        yield opened


@pytest.fixture
async def post(database: Database, mailbox: Mailbox) -> Post:
    made = Post(database, mailbox.port)
    await made.start()
    return made


async def test_a_notification_is_mailed_once_to_who_wants_mail(post: Post, mailbox: Mailbox) -> None:
    no_mail = json.dumps({"notifications": {"email": False}})
    ada = await person(post.database, post.organization, "Ada")
    bob = await person(post.database, post.organization, "Bob", preferences=no_mail)
    await post.complete(ada, bob, title="Build\r\nBcc: all@example.org")
    assert await post.round() == 1 and await post.round() == 0
    [told] = mailbox.mails
    assert told["To"] == f"Ada <{ada.email}>" and told["From"] == "Orchestrator <bot@example.org>"
    assert told["Subject"] == "“Build Bcc: all@example.org” is completed" and told["Bcc"] is None
    assert told["Auto-Submitted"] == "auto-generated" and told["Message-ID"].endswith("@example.org>")
    assert "your preferences" in told.get_content()
    assert await post.queue.seconds() is None


async def test_mail_that_is_not_taken_goes_again_later_and_some_time_not_any_more(post: Post, mailbox: Mailbox) -> None:
    await post.complete(await person(post.database, post.organization))
    mailbox.refuse = True
    for delay in DELAYS:
        assert await post.round() == 1 and await post.round() == 0
        post.wait(delay)
    mailbox.refuse = False
    assert await post.round() == 1 and len(mailbox.mails) == 1
    await post.complete(await person(post.database, post.organization, "Bob"))
    mailbox.refuse = True
    for delay in (*DELAYS, DELAYS[-1]):
        assert await post.round() == 1
        post.wait(delay)
    assert await post.round() == 0 and await post.queue.seconds() is None


async def test_a_process_that_dies_with_mail_in_its_hands_leaves_it_to_another(post: Post, mailbox: Mailbox) -> None:
    await post.complete(await person(post.database, post.organization))
    assert len(await post.queue.claim()) == 1
    assert await post.round() == 0
    post.database.clock.wait(121)
    assert await post.round() == 1 and len(mailbox.mails) == 1


async def test_what_was_read_meanwhile_is_not_mailed(post: Post, mailbox: Mailbox) -> None:
    ada = await person(post.database, post.organization)
    await post.complete(ada)
    await Inbox(post.database).read_all(Call(Caller(ada.organization_id, ada.id, "k", frozenset()), "r"))
    assert await post.round() == 0 and mailbox.mails == [] and await post.queue.seconds() is None


async def test_a_mail_server_that_is_not_there_holds_nobody_up(post: Post) -> None:
    await post.complete(await person(post.database, post.organization))
    nowhere = MailServer("127.0.0.1", 9, "bot@example.org", security="none", seconds=1)
    mails = await post.queue.claim()
    assert await nowhere.send([each.letter for each in mails]) == set()


async def test_what_cannot_be_written_keeps_no_other_mail_from_being_noted(
    post: Post, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = mail.message_of

    def message_of(letter: Letter, sender: str) -> EmailMessage:
        if letter.name == "Ada":
            raise MessageError("no header can be so")
        return written(letter, sender)

    monkeypatch.setattr(mail, "message_of", message_of)
    await post.complete(*[await person(post.database, post.organization, name) for name in ("Ada", "Bob")])
    assert await post.round() == 2
    post.wait(DELAYS[0])
    assert await post.round() == 1 and len(mailbox.mails) == 1


async def test_nothing_in_a_header_makes_lines_of_a_mail(mailbox: Mailbox) -> None:
    lines = "=?utf-8?q?a=0d=0aX-Evil:_1=0d=0a=0d=0aPay_here?="
    server = MailServer("127.0.0.1", mailbox.port, "bot@example.org", security="none", seconds=5)
    good = Letter("1", f"Ada {lines}", "ada@example.com", f"{lines} now", "Hello", 0)
    assert await server.send([good, Letter("2", "Ada", f"{lines}@example.com", "Hello", "Hello", 0)]) == {"1"}
    [told] = mailbox.mails
    assert told["X-Evil"] is None and told.get_content() == "Hello\r\n"
    assert "Pay_here" in told["Subject"] and "Pay_here" in told["To"]


async def test_no_name_server_holds_up_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[threading.Thread] = []
    monkeypatch.setattr(socket, "getfqdn", lambda *_: asked.append(threading.current_thread()) or "here.example")
    for security in ("none", "tls"):
        server = MailServer("127.0.0.1", 9, "bot@example.org", security=security, seconds=1)
        assert await server.send([Letter("1", "Ada", "ada@example.com", "Hello", "Hello", 0)]) == set()
    assert len(asked) == 2 and threading.main_thread() not in asked


async def test_many_at_once_are_one_mail_and_hold_up_nobody_elses(post: Post, mailbox: Mailbox) -> None:
    ada = await person(post.database, post.organization, "Ada")
    bob = await person(post.database, post.organization, "Bob")
    await post.complete(*[ada] * 45, title="Build\nit")
    await post.complete(bob)
    assert await post.round() == 2 and await post.round() == 0
    many, one = mailbox.mails
    assert many["Subject"] == "45 notifications" and many.get_content().count("- “Build it” is completed") == SHOWN
    assert "And 25 more." in many.get_content() and one["Subject"] == "“Build it” is completed"
    # The next one comes a while later, with all that has come meanwhile.
    await post.complete(ada, ada)
    await post.complete(ada)
    post.wait(APART - 1_000_000)
    assert await post.round() == 0
    post.wait(1_000_000)
    assert await post.round() == 1 and mailbox.mails[-1]["Subject"] == "3 notifications"
    post.wait(APART)
    await post.complete(ada)
    assert await post.round() == 1 and await post.queue.seconds() is None


async def test_a_mail_says_the_same_however_often_it_is_tried(post: Post, mailbox: Mailbox) -> None:
    ada = await person(post.database, post.organization)
    await post.complete(ada, title="First")
    # One process sends it, and dies before it notes that.
    mails = await post.queue.claim()
    assert await post.server.send([each.letter for each in mails]) == {mails[0].id}
    await post.complete(ada, title="Second")
    assert await post.round() == 0
    post.wait(121_000_000)
    assert await post.round() == 1
    first, again = mailbox.mails
    assert first["Message-ID"] == again["Message-ID"] and first.get_content() == again.get_content()
    # What the first one says too late counts for nothing.
    await post.queue.record(mails, [])
    post.wait()
    assert await post.round() == 1 and mailbox.mails[-1]["Subject"] == "“Second” is completed"
    assert mailbox.mails[-1]["Message-ID"] != first["Message-ID"]


async def test_a_slow_server_gets_nothing_twice(post: Post, mailbox: Mailbox) -> None:
    people = [await person(post.database, post.organization, f"P{number}") for number in range(TOGETHER + 1)]
    await post.complete(*people)
    # It takes each mail, and says so later than anybody waits for.
    mailbox.silent_after = 2
    post.server = MailServer("127.0.0.1", mailbox.port, "bot@example.org", security="none", seconds=0.3)
    assert await post.round() == TOGETHER
    assert len(mailbox.mails) == 3
    mailbox.silent_after = None
    post.wait(DELAYS[0])
    while await post.round():
        pass
    assert sorted(each["To"].addresses[0].addr_spec for each in mailbox.mails) == sorted(each.email for each in people)


async def test_a_server_that_says_its_words_one_by_one_is_left_in_time(post: Post, mailbox: Mailbox) -> None:
    await post.complete(await person(post.database, post.organization))
    mailbox.trickles = True
    slow = MailServer("127.0.0.1", mailbox.port, "bot@example.org", security="none", seconds=5, in_all=0.5)
    mails = await post.queue.claim()
    async with asyncio.timeout(3):
        assert await slow.send([each.letter for each in mails]) == set()


def certificate_for(name: str, folder: Path) -> tuple[ssl.SSLContext, Path]:
    """What a server of this name shows, and the file of who believes it."""
    key = ec.generate_private_key(ec.SECP256R1())
    called = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(called)
        .issuer_name(called)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1))
        .not_valid_after(datetime(2120, 1, 1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / "certificate.pem"
    path.write_bytes(private + made.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context, path


@pytest.mark.parametrize(("name", "taken"), [("localhost", True), ("elsewhere.example", False)])
async def test_a_certificate_must_be_for_the_server_that_is_set(
    name: str, taken: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, path = certificate_for(name, tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    letter = Letter("1", "Ada", "ada@example.com", "Hello", "Hello", 0)
    async with Mailbox(context) as mailbox:
        server = MailServer("localhost", mailbox.port, "bot@example.org", security="tls", seconds=5)
        assert await server.send([letter]) == ({"1"} if taken else set())
        assert len(mailbox.mails) == taken
