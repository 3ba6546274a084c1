"""Whether servers of this machine listen, and their gateway answers, plain or encrypted."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path


def listens(path: Path) -> bool:
    """Whether a server listens at this socket; one that a killed server left behind refuses."""
    with socket.socket(socket.AF_UNIX) as trial:
        return trial.connect_ex(str(path)) == 0


def asks(host: str, port: int, *, encrypted: bool) -> bool:
    """Whether a request without a key gets the server's own refusal."""
    return b" 401 " in _status_line(host, port, b"GET /v1/sessions HTTP/1.1\r\nconnection: close\r\n", encrypted)


def asks_for_socket(host: str, port: int, *, encrypted: bool) -> bool:
    """Whether somebody answers for WebSockets; the gateway sends every upgrade there, also one to a path of nobody."""
    upgrade = b"GET / HTTP/1.1\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
    return b" 404 " in _status_line(host, port, upgrade, encrypted)


def shakes_hands(host: str, port: int) -> bool:
    """Whether somebody speaks TLS."""
    try:
        with socket.create_connection((host, port), timeout=1) as connection, _encrypted(connection):
            return True
    except OSError:
        return False


def _status_line(host: str, port: int, request: bytes, encrypted: bool) -> bytes:  # noqa: FBT001 — asked for by name above
    try:
        with (
            socket.create_connection((host, port), timeout=1) as plain,
            _encrypted(plain) if encrypted else plain as connection,
            connection.makefile("rb") as answer,
        ):
            connection.sendall(request + b"host: ready\r\n\r\n")
            return answer.readline(1000)
    except OSError:
        return b""


def _encrypted(connection: socket.socket) -> ssl.SSLSocket:
    """With our own gateway, whose name here is in no certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(connection)
