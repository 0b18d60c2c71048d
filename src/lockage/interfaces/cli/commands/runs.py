"""``lockage runs``: the journals of this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from lockage.interfaces.cli.invocation import command_app, invocation_of
from lockage.interfaces.cli.options import Json

app = command_app()


@app.callback(invoke_without_command=True)
def runs(context: typer.Context) -> None:
    """List the runs that this machine knows of, or show one."""
    if context.invoked_subcommand is None:
        context.invoke(list_runs, context)


@app.command("list")
def list_runs(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Only those of this deployment.")] = None,
    *,
    as_json: Json = False,
) -> None:
    """List the runs, newest last."""
    invocation_of(context)


@app.command("show")
def show_run(
    context: typer.Context,
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run, as lockage runs lists it.")],
    *,
    as_json: Json = False,
) -> None:
    """Show the story and the report of one run."""
    invocation_of(context)
