"""``lockage watch NAME``."""

from __future__ import annotations

import typer

from lockage.interfaces.cli.invocation import command_app, invocation_of
from lockage.interfaces.cli.options import Json, Name

app = command_app()


@app.command()
def watch(context: typer.Context, name: Name, *, as_json: Json = False) -> None:
    """Show a run while it goes on.

    Reads the journal of the newest run of the deployment, from any terminal of this machine, and ends when the run ends.
    With --json, one lockage.event/1 a line.
    """
    invocation_of(context)
