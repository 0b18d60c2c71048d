"""``lockage survey NAME``."""

from __future__ import annotations

import typer

from lockage.interfaces.cli.console import answers
from lockage.interfaces.cli.invocation import command_app, invocation_of
from lockage.interfaces.cli.opening import opened
from lockage.interfaces.cli.options import Json, names_deployment
from lockage.interfaces.cli.output import print_json
from lockage.interfaces.cli.survey_view import show_survey
from lockage.interfaces.flags import Wanted
from lockage.interfaces.forecasting import look

app = command_app()


@app.command()
@names_deployment
def survey(context: typer.Context, wanted: Wanted, *, as_json: Json = False) -> None:
    """Look at a deployment and its database; change nothing.

    Shows the version by every source and whether they agree, replicas and their probes with the kill budget, the
    migration ledger, sessions by replica, long and idle transactions, sizes, and what PostgreSQL allows us to do.
    """
    with opened(invocation_of(context), wanted) as world:
        seen = look(world)
        long_transactions = world.settings.long_transactions
    if as_json:
        print_json(seen)
    else:
        show_survey(seen, answers(), limits=long_transactions)
