"""``lockage survey NAME``."""

from __future__ import annotations

import typer

from lockage.interfaces.cli.console import answers
from lockage.interfaces.cli.invocation import command_app, invocation_of
from lockage.interfaces.cli.opening import opened
from lockage.interfaces.cli.options import DatabaseUrl, Json, Name, ProfileFile
from lockage.interfaces.cli.output import print_json
from lockage.interfaces.cli.survey_view import show_survey
from lockage.interfaces.deployments import Wanted
from lockage.interfaces.forecasting import look

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
    with opened(invocation_of(context), Wanted(name=name, profile=profile, database=database)) as world:
        seen = look(world)
        long_transactions = world.settings.long_transactions
    if as_json:
        print_json(seen)
    else:
        show_survey(seen, answers(), limits=long_transactions)
