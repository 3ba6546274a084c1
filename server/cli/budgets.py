"""`orchestrator budgets` and `orchestrator usage`: how much of language models may be used, and how much was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from server.cli.keys import day, run
from server.cli.options import DatabaseUrl, DataDir

if TYPE_CHECKING:
    from server.core.shared.call_context import Call
    from server.store.database import Database

budgets = typer.Typer(help="Set, list and remove budgets of language models.", no_args_is_help=True)
Organization = Annotated[
    str, typer.Option(help="The organization's id, as `organizations list` shows it, or its name.")
]
Key = Annotated[str, typer.Option(help="Of this key alone.")]
Agent = Annotated[str, typer.Option(help="Of this agent alone.")]
Period = Annotated[str, typer.Option(help="day or month, UTC.")]


@budgets.command("set")
def set_(
    organization: Organization = "Development",
    key: Key = "",
    agent: Agent = "",
    period: Period = "month",
    tokens: Annotated[int | None, typer.Option(min=0, help="Of prompts and answers together.")] = None,
    cost: Annotated[float | None, typer.Option(min=0, help="In the currency of MODEL_PRICES.")] = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Set how much may be used from now on, instead of what might be used before; servers notice within a second."""
    from server.core.models.budgets import Budgets
    from server.core.models.prices import nanos_of

    scope, subject = _subject(key, agent)

    async def work(database: Database) -> str:
        measured = await Budgets(database).set(
            await _call(database, organization),
            scope=scope,
            subject_id=subject,
            period=period,
            max_tokens=tokens,
            max_cost=nanos_of(cost) if cost is not None else None,
        )
        return f"budget_{measured.budget.id} of {measured.subject} holds"

    typer.echo(run(work, data_dir=data_dir, database_url=database_url))


@budgets.command("list")
def list_(
    organization: Organization = "Development", data_dir: DataDir = None, database_url: DatabaseUrl = None
) -> None:
    """List an organization's budgets, with what is used and reserved of each."""
    from server.core.models.budgets import Budgets, Measured
    from server.core.models.prices import as_number

    async def work(database: Database) -> list[Measured]:
        return list(await Budgets(database).all(await _call(database, organization)))

    rows = []
    for each in run(work, data_dir=data_dir, database_url=database_url):
        budget = each.budget
        limits = [("tokens", budget.max_tokens, each.used_tokens, each.reserved_tokens)]
        limits.append(("cost", *map(as_number, (budget.max_cost, each.used_cost, each.reserved_cost))))  # type: ignore[arg-type]
        for unit, most, used, reserved in limits:
            if most is not None:
                shown = (f"{figure:.15g}" for figure in (most, used, reserved))
                rows.append((f"budget_{budget.id}", each.subject, budget.period, unit, *shown, day(each.renews_at)))
    _print(("id", "of", "period", "unit", "limit", "used", "reserved", "begins anew"), rows)


@budgets.command()
def remove(
    identifier: Annotated[str, typer.Argument(help="The budget's id, as `list` shows it.")],
    organization: Organization = "Development",
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Hold nothing against a budget any more; servers notice within a second."""
    from server.core.models.budgets import Budgets

    async def work(database: Database) -> None:
        await Budgets(database).delete(await _call(database, organization), identifier)

    run(work, data_dir=data_dir, database_url=database_url)
    typer.echo("removed")


def usage(
    organization: Organization = "Development",
    by: Annotated[str, typer.Option(help="organization, key, agent or model: a line for each.")] = "organization",
    period: Period = "month",
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Show what language models have taken, the newest period first."""
    from server.core.models.budgets import shown_subject
    from server.core.models.prices import as_number
    from server.core.models.usage import Usages
    from server.model import ModelUsage

    async def work(database: Database) -> list[ModelUsage]:
        return list(await Usages(database).of(await _call(database, organization), scope=by, period=period))

    rows = []
    for each in run(work, data_dir=data_dir, database_url=database_url):
        cost = as_number(each.cost)
        figures = (each.calls, each.input_tokens, each.output_tokens)
        without = (
            f" and {each.unpriced_calls} calls without a price" if cost is not None and each.unpriced_calls else ""
        )
        shown = f"{cost:.15g}{without}" if cost is not None else "no price"
        began = day(each.began_at)[:10]
        rows.append((began, shown_subject(each.scope, each.subject_id), *map(str, figures), shown))
    _print(("since", "of", "calls", "input tokens", "output tokens", "cost"), rows)


def _subject(key: str, agent: str) -> tuple[str, str]:
    if key and agent:
        typer.echo("a budget is of a key or of an agent, and not of both", err=True)
        raise typer.Exit(2)
    return ("key", key) if key else ("agent", agent) if agent else ("organization", "")


async def _call(database: Database, organization: str) -> Call:
    """A call of an organization's operator. Raises NotFound."""
    from server.core.identity.organizations import find
    from server.core.shared.call_context import Call, Caller

    found = await find(database, organization)
    return Call(Caller(found.id, "", "", frozenset({"*"})), request_id="cli")


def _print(columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(*columns)
    for row in rows:
        table.add_row(*row)
    Console(width=None if Console().is_terminal else 200).print(table)
