"""``lockage demo``: all of it in one go, or by hand between ``demo up`` and ``demo down``."""

from __future__ import annotations

from typing import Annotated

import typer

from lockage.interfaces.cli.invocation import command_app, invocation_of
from lockage.interfaces.cli.options import Json, refuse_together

app = command_app()

Rows = Annotated[
    int | None,
    typer.Option("--rows", metavar="N", min=1_000, help="Rows of the large table. Default: what makes the point in minutes."),
]


@app.callback(invoke_without_command=True)
def demo(
    context: typer.Context,
    *,
    naive_only: Annotated[bool, typer.Option("--naive-only", help="Only the way people do it today.")] = False,
    skip_naive: Annotated[bool, typer.Option("--skip-naive", help="Only with Lockage.")] = False,
    rows: Rows = None,
    as_json: Json = False,
) -> None:
    """Upgrade a real application, the usual way and with Lockage.

    Starts towpath, a small highly available control plane, on a PostgreSQL of its own, with real traffic; upgrades it from
    2.26.0 to 2.27.8 the way people do it today, then again with Lockage; and puts the two side by side. Needs no root, no
    Docker and no Kubernetes, and leaves nothing behind.
    """
    refuse_together({"--naive-only": naive_only, "--skip-naive": skip_naive}, command="demo")
    if context.invoked_subcommand is not None:
        given = {"--naive-only": naive_only, "--skip-naive": skip_naive, "--rows": rows is not None, "--json": as_json}
        for option, was_given in given.items():
            refuse_together({option: was_given, f"demo {context.invoked_subcommand}": True}, command="demo")
        return
    invocation_of(context)


@app.command()
def up(context: typer.Context, *, rows: Rows = None) -> None:
    """Start the demo and leave it running, to try by hand.

    Then: lockage survey demo, lockage forecast demo --to 2.27.8, lockage plan demo --to 2.27.8, lockage upgrade demo --to
    2.27.8, lockage watch demo, lockage verify demo. Doing it again changes nothing that runs.
    """
    invocation_of(context)


@app.command()
def down(context: typer.Context) -> None:
    """Stop the demo and remove its data."""
    invocation_of(context)


@app.command()
def status(context: typer.Context, *, as_json: Json = False) -> None:
    """Say whether the demo is up, and where its parts are."""
    invocation_of(context)
