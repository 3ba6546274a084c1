"""`orchestrator up`: migrations, the development key, the server processes and the gateway, all in one command."""

from __future__ import annotations

from typing import Annotated

import typer

from server.cli.options import DatabaseUrl, DataDir, settings_of


def up(
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    redis_url: Annotated[str | None, typer.Option(help="Shares quotas between processes.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on [default: 127.0.0.1].")] = None,
    grpc_port: Annotated[int | None, typer.Option(help="Port for gRPC [default: 50051].")] = None,
    operations_port: Annotated[int | None, typer.Option(help="First documented REST port [default: 3000].")] = None,
    orchestra_port: Annotated[int | None, typer.Option(help="Second documented REST port [default: 8000].")] = None,
    workers: Annotated[int | None, typer.Option(help="Server processes [default: 1].")] = None,
    no_quotas: Annotated[bool | None, typer.Option("--no-quotas", help="Lift all quotas; development only.")] = None,
) -> None:
    """Start everything: migrations, server, gateway. Stops with Ctrl-C or SIGTERM."""
    from server.errors import Misconfigured
    from server.running.supervisor import Refused, supervise

    settings = settings_of(
        data_dir=data_dir,
        database_url=database_url,
        redis_url=redis_url,
        host=host,
        grpc_port=grpc_port,
        operations_port=operations_port,
        orchestra_port=orchestra_port,
        workers=workers,
        no_quotas=no_quotas,
    )
    try:
        raise typer.Exit(supervise(settings))
    except (Refused, Misconfigured) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
