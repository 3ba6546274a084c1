"""Mail: notifications as messages, and the server that they are handed to."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime

import structlog

from server.core.notifications.mail import Mail
from server.settings import Settings

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
    seconds: float = 20.0

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

    async def send(self, mails: Sequence[Mail]) -> Collection[str]:
        """Hands mails in, over one connection; which notifications were taken. A thread waits, and nobody else."""
        return await asyncio.to_thread(self._send, mails)

    def _send(self, mails: Sequence[Mail]) -> Collection[str]:
        taken: set[str] = set()
        try:
            with self._connection() as server:
                for mail in mails:
                    if self._hand_in(server, mail):
                        taken.add(mail.notification.id)
        except (OSError, smtplib.SMTPException) as error:
            log.warning("mail was not sent", host=self.host, count=len(mails), error=repr(error))
        return taken

    def _hand_in(self, server: smtplib.SMTP, mail: Mail) -> bool:
        try:
            server.send_message(message_of(mail, self.sender))
        except smtplib.SMTPServerDisconnected:
            raise
        except (smtplib.SMTPException, ValueError) as error:
            # This one was refused; others may be taken.
            log.warning("a mail was refused", notification=mail.notification.id, error=repr(error))
            return False
        return True

    def _connection(self) -> smtplib.SMTP:
        if self.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                self.host, self.port, timeout=self.seconds, context=ssl.create_default_context()
            )
        else:
            server = smtplib.SMTP(self.host, self.port, timeout=self.seconds)
            if self.security == "starttls":
                server.starttls(context=ssl.create_default_context())
        if self.username:
            server.login(self.username, self.password)
        return server


def message_of(mail: Mail, sender: str) -> EmailMessage:
    """A notification as mail. Raises ValueError where its address is none."""
    row, user = mail.notification, mail.user
    message = EmailMessage()
    message["Subject"] = " ".join(row.title.split())
    message["From"] = sender
    name, at, domain = user.email.rpartition("@")
    if not at:
        raise ValueError("no address")
    message["To"] = Address(" ".join(user.name.split()), name, domain)
    message["Date"] = format_datetime(datetime.fromtimestamp(row.created_at / 1_000_000, UTC))
    # The same whenever it is sent, so that a mail program shows once what came twice.
    message["Message-ID"] = f"<{row.id}@{sender.rpartition('@')[2].strip('> ') or 'orchestrator'}>"
    # So that nobody's absence is answered to a program.
    message["Auto-Submitted"] = "auto-generated"
    why = "You get this because mail is among your notifications; your preferences say whether it is."
    message.set_content("\n\n".join(part for part in (row.title, row.message, why) if part) + "\n")
    return message
