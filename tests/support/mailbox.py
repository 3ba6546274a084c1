"""A mail server on this machine, which speaks enough of SMTP to take mail, and keeps it."""

from __future__ import annotations

import asyncio
import ssl
from email import message_from_bytes, policy
from email.message import EmailMessage


class Mailbox:
    """Listens while the context lasts; `refuse` answers 451 to every mail.

    With a `certificate` it speaks TLS from the beginning. After `silent_after` mails it takes one more and says nothing; where it `trickles`, no word of it ever ends.
    """

    def __init__(self, certificate: ssl.SSLContext | None = None) -> None:
        self._certificate = certificate
        self.mails: list[EmailMessage] = []
        self.refuse = False
        self.silent_after: int | None = None
        self.trickles = False
        self.connections = 0

    async def __aenter__(self) -> Mailbox:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._certificate)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1

        def say(line: str) -> None:
            writer.write(f"{line}\r\n".encode())

        while self.trickles and not writer.is_closing():
            writer.write(b"2")
            try:
                await writer.drain()
            except ConnectionError:
                return
            await asyncio.sleep(0.02)
        say("220 here")
        while line := await reader.readline():
            word = line[:4].upper()
            if word == b"DATA":
                say("354 go on")
                body = b""
                while (part := await reader.readline()) != b".\r\n":
                    body += part.removeprefix(b".")
                if not self.refuse:
                    self.mails.append(message_from_bytes(body, policy=policy.default))
                if self.silent_after is not None and len(self.mails) > self.silent_after:
                    continue
                say("451 not now" if self.refuse else "250 taken")
            elif word == b"QUIT":
                say("221 bye")
                break
            else:
                say("250 fine")
        writer.close()
