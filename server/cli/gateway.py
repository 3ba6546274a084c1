"""`orchestrator gateway`: Envoy alone, before servers on other machines."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from server.cli.options import settings_of
from server.errors import ServiceError
from server.private_files import own_folder

DEFAULT = "127.0.0.1:50051:50052"


def gateway(
    server: Annotated[
        list[str] | None, typer.Option(help=f"A server, as HOST:GRPC_PORT:SOCKET_PORT; repeat it [default: {DEFAULT}].")
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on [default: 127.0.0.1].")] = None,
    operations_port: Annotated[int | None, typer.Option(help="First documented REST port [default: 3000].")] = None,
    orchestra_port: Annotated[int | None, typer.Option(help="Second documented REST port [default: 8000].")] = None,
) -> None:
    """Run the gateway alone, for servers that `orchestrator server` runs. It leaves out those that do not answer."""
    from gateway.envoy import Gateway, command, environment

    settings = settings_of(host=host, operations_port=operations_port, orchestra_port=orchestra_port)
    if settings.plain:
        typer.echo(settings.plain, err=True)
        raise typer.Exit(1)
    places = [_place(each) for each in server or [DEFAULT]]
    try:
        own_folder(settings.run_dir)
        pair = settings.certificate.read() if settings.certificate is not None else None
    except ServiceError as error:
        typer.echo(error.message, err=True)
        raise typer.Exit(1) from None
    configured = Gateway(
        settings.host,
        settings.orchestra_port,
        settings.operations_port,
        [f"{name}:{grpc}" for name, grpc, _ in places],
        [f"{name}:{socket}" for name, _, socket in places],
        settings.origins,
        pair,
    )
    arguments = command(configured, settings.run_dir)
    os.execve(arguments[0], arguments, environment())  # noqa: S606 — the wheel's own program


def _place(text: str) -> tuple[str, str, str]:
    name, _, rest = text.rpartition(":")[0].rpartition(":")
    socket = text.rpartition(":")[2]
    if not name or not rest.isdigit() or not socket.isdigit():
        typer.echo(f"--server {text}: must be HOST:GRPC_PORT:SOCKET_PORT", err=True)
        raise typer.Exit(2)
    return name, rest, socket
