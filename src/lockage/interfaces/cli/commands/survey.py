"""``lockage survey NAME``."""

from __future__ import annotations

import typer

from lockage.interfaces.cli.invocation import command_app, invocation_of
from lockage.interfaces.cli.options import DatabaseUrl, Json, Name, ProfileFile

app = command_app()


@app.command()
def survey(
    context: typer.Context,
    name: Name,
    *,
    profile: ProfileFile = None,
    database: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Look at a deployment and its database; change nothing.

    Shows the version by every source and whether they agree, replicas and their probes with the kill budget, the
    migration ledger, sessions by replica, long and idle transactions, sizes, and what PostgreSQL allows us to do.
    """
    invocation_of(context)
