"""Flags that several commands take, and settings made of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from server.settings import Settings

DataDir = Annotated[Path | None, typer.Option(help="Folder for everything kept on this machine [default: data].")]
DatabaseUrl = Annotated[
    str | None, typer.Option(help="postgresql://… or sqlite:///path [default: in the data folder].")
]


def settings_of(**flags: Any) -> Settings:
    """Settings from flags, the environment and defaults; a mistake ends the program with a clear line."""
    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        for problem in error.errors():
            place = ".".join(str(part) for part in problem["loc"])
            message = problem["msg"].removeprefix("Value error, ")
            typer.echo(f"{place}: {message}" if place else message, err=True)
        raise typer.Exit(2) from None
