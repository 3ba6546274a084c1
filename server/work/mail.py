"""Mail: letters as messages, and the server that they are handed to."""

from __future__ import annotations

import asyncio
import smtplib
import socket
import ssl
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any

import structlog

from server.core.shared.letter import Letter
from server.settings import Settings

# How long one connection lasts at most, which is less than those have who send over it.
CONNECTION_SECONDS = 90.0
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed in; nothing is sent where there is none."""

    host: str
    port: int
    sender: str
    username: str = ""
    password: str = ""
    # starttls, tls or none.
    security: str = "starttls"
    # For one answer of the server, and for all that is said over a connection.
    seconds: float = 20.0
    in_all: float = CONNECTION_SECONDS

    @classmethod
    def of(cls, settings: Settings) -> MailServer | None:
        """As it is set."""
        if not settings.smtp_host:
            return None
        return cls(
            host=settings.smtp_host,
            port=settings.smtp_port,
            sender=settings.smtp_from,
            username=settings.smtp_username,
            password=settings.smtp_password,
            security=settings.smtp_security,
        )

    async def send(self, letters: Sequence[Letter]) -> Collection[str]:
        """Hands letters in, over one connection; the ids of those that were taken. A thread waits, and nobody else.

        One that was handed over whole, without an answer, counts as taken: it would come twice.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + self.in_all
        # To find out what this machine is called, and whom to trust, may take as long as a name server does.
        server = await asyncio.to_thread(_OverTls if self.security == "tls" else _Connection, timeout=self.seconds)
        alarm = loop.call_at(until, server.break_off)
        try:
            return await asyncio.to_thread(self._send, server, letters)
        finally:
            alarm.cancel()

    def _send(self, server: _Connection, letters: Sequence[Letter]) -> Collection[str]:
        taken: set[str] = set()
        try:
            with server:
                self._connect(server)
                for letter in letters:
                    if self._hand_in(server, letter):
                        taken.add(letter.id)
        # A connection that is broken off may fail in whichever way.
        except (OSError, smtplib.SMTPException, ValueError, AttributeError) as error:
            left = len(letters) - len(taken)
            log.warning("mail was not sent", host=self.host, count=left, error=repr(error))
        return taken

    def _hand_in(self, server: _Connection, letter: Letter) -> bool:
        server.in_doubt = False
        try:
            server.send_message(message_of(letter, self.sender))
        except smtplib.SMTPServerDisconnected:
            if server.in_doubt:
                log.warning("a mail was handed in, and nobody has said whether it was taken", letter=letter.id)
                return True
            raise
        except Exception as error:
            if isinstance(error, OSError) and not isinstance(error, smtplib.SMTPException):
                raise
            # This one was refused, or is nothing that can be written; others may be taken.
            log.warning("a mail was refused", letter=letter.id, error=repr(error))
            return False
        return True

    def _connect(self, server: _Connection) -> None:
        server.reach(self.host, self.port)
        if self.security == "starttls":
            server.starttls(context=ssl.create_default_context())
        if self.username:
            server.login(self.username, self.password)


class _Connection(smtplib.SMTP):
    """One that may be broken off from another thread, and that knows whether a mail has gone out without an answer."""

    in_doubt = False
    over = False
    sock: socket.socket | None

    def reach(self, host: str, port: int) -> None:
        """Connects to a server, whose certificate must be for this host."""
        self._host = host
        self.connect(host, port)

    def send(self, s: Any) -> None:
        super().send(s)
        # Only the text of a mail ends so.
        self.in_doubt = isinstance(s, bytes) and s.endswith(b"\r\n.\r\n")

    def getreply(self) -> tuple[int, bytes]:
        if self.over:
            raise smtplib.SMTPServerDisconnected("broken off")
        answer = super().getreply()
        self.in_doubt = False
        return answer

    def break_off(self) -> None:
        """Ends it at once, whatever waits for an answer, and though it may not have begun."""
        self.over = True
        if self.sock is not None:
            with suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)


class _OverTls(_Connection, smtplib.SMTP_SSL):
    """The same, encrypted from the beginning."""

    def __init__(self, timeout: float) -> None:
        smtplib.SMTP_SSL.__init__(self, timeout=timeout, context=ssl.create_default_context())


def message_of(letter: Letter, sender: str) -> EmailMessage:
    """A letter as mail. Raises ValueError where its address is none."""
    message = EmailMessage()
    message["Subject"] = _in_one_line(letter.subject)
    message["From"] = sender
    name, at, domain = letter.address.rpartition("@")
    if not at or "=?" in letter.address:
        raise ValueError("no address")
    message["To"] = Address(_in_one_line(letter.name), name, domain)
    message["Date"] = format_datetime(datetime.fromtimestamp(letter.written_at / 1_000_000, UTC))
    message["Message-ID"] = f"<{letter.id}@{sender.rpartition('@')[2].strip('> ') or 'orchestrator'}>"
    # So that nobody's absence is answered to a program.
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.text + "\n")
    return message


def _in_one_line(text: str) -> str:
    """A text as a header may have it: nothing in it is taken for an encoded word, which could be whole lines."""
    return " ".join(text.split()).replace("=?", "= ?")
