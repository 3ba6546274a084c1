"""`orchestrator events tail`: watch the feed from a terminal."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer

events = typer.Typer(help="Look at the feed of events.", no_args_is_help=True)


@events.command()
def tail(
    after: Annotated[
        int | None, typer.Option(min=0, help="Begin after this number; only new ones when absent.")
    ] = None,
    address: Annotated[str, typer.Option(help="The gRPC address of a server.")] = "127.0.0.1:50051",
    key: Annotated[str, typer.Option(help="API key [default: $ORCHESTRATOR_KEY, or the development key].")] = "",
    data_dir: Annotated[Path, typer.Option(help="Where the development key is.")] = Path("data"),
) -> None:
    """Print events as they happen: number, time, type and resource."""
    import grpc

    token = key or os.environ.get("ORCHESTRATOR_KEY", "") or _development_key(data_dir)
    try:
        asyncio.run(_tail(address, token, after))
    except grpc.aio.AioRpcError as error:
        typer.echo(f"{error.code().name}: {error.details()}", err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


async def _tail(address: str, token: str, after: int | None) -> None:
    import grpc
    from orchestrator.v1 import event_service_pb2, event_service_pb2_grpc

    async with grpc.aio.insecure_channel(address) as channel:
        stub = event_service_pb2_grpc.EventServiceStub(channel)  # type: ignore[no-untyped-call]
        request = event_service_pb2.WatchRequest(after=after)
        async for event in stub.Watch(request, metadata=(("authorization", f"Bearer {token}"),)):
            if event.type != "heartbeat":
                resource = getattr(event, event.WhichOneof("resource") or "", None)
                shown = getattr(resource, "id", "")
                typer.echo(f"{event.number:>8}  {event.created_at.ToJsonString()}  {event.type:<24} {shown}")


def _development_key(data_dir: Path) -> str:
    path = data_dir / "dev-api-key"
    return path.read_text().strip() if path.exists() else ""
