"""``lockage verify NAME``."""

from __future__ import annotations

from typing import Annotated

import typer

from lockage.interfaces.cli.invocation import command_app, invocation_of
from lockage.interfaces.cli.options import DatabaseUrl, Json, Name, ProfileFile

app = command_app()


@app.command()
def verify(
    context: typer.Context,
    name: Name,
    *,
    release: Annotated[
        str | None,
        typer.Option("--release", metavar="RELEASE", help="The release that should run. Default: the wanted one."),
    ] = None,
    profile: ProfileFile = None,
    database: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Check version, ledger, health and service of a deployment.

    Health is not service: the profile's own requests are made on every replica. Exit code 5 when anything is not well.
    """
    invocation_of(context)
