"""`orchestrator server`: one server process without a gateway."""

from __future__ import annotations

from typing import Annotated

import typer

from server.cli.options import DatabaseUrl, DataDir, settings_of
from server.errors import ServiceError


def server(
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on [default: 127.0.0.1].")] = None,
    grpc_port: Annotated[int | None, typer.Option(help="Port for gRPC [default: 50051].")] = None,
    socket_port: Annotated[int | None, typer.Option(help="Port for a gateway's WebSockets [default: 50052].")] = None,
    redis_url: Annotated[str | None, typer.Option(help="Shares quotas between processes.")] = None,
) -> None:
    """Run one server process without a gateway: one of several machines, or for gRPC alone."""
    import uvloop

    from server.private_files import own_folder
    from server.rpc import log
    from server.running.prepare import prepare
    from server.running.process import serve

    settings = settings_of(
        data_dir=data_dir,
        database_url=database_url,
        host=host,
        grpc_port=grpc_port,
        socket_port=socket_port,
        redis_url=redis_url,
    )
    log.configure(settings.log_level)
    if settings.plain_behind_gateways:
        typer.echo(settings.plain_behind_gateways, err=True)
        raise typer.Exit(1)
    if settings.exposed:
        typer.echo(settings.exposed, err=True)
    try:
        own_folder(settings.run_dir)
        prepare(settings)
        address = f"{settings.host}:{settings.grpc_port}"
        uvloop.run(serve(settings, [address], (settings.host, settings.socket_port)))
    except ServiceError as error:
        typer.echo(error.message, err=True)
        raise typer.Exit(1) from None
    except OSError as error:
        typer.echo(f"a port cannot be used: {error}", err=True)
        raise typer.Exit(1) from None
