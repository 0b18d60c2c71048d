"""``lockage survey NAME``."""

from __future__ import annotations

from dataclasses import replace

import typer

from lockage.interfaces.cli.console import answers
from lockage.interfaces.cli.invocation import command_app, invocation_of
from lockage.interfaces.cli.opening import found, opened
from lockage.interfaces.cli.options import Json, names_deployment
from lockage.interfaces.cli.output import print_json
from lockage.interfaces.cli.survey_view import show_survey
from lockage.interfaces.flags import Wanted
from lockage.interfaces.forecasting import look
from lockage.interfaces.rights import rights_lacking

app = command_app()


@app.command()
@names_deployment
def survey(context: typer.Context, wanted: Wanted, *, as_json: Json = False) -> None:
    """Look at a deployment and its database; change nothing.

    Shows the version by every source and whether they agree, replicas and their probes with the kill budget, the
    migration ledger, sessions by replica, long and idle transactions, sizes, and what PostgreSQL allows us to do.
    """
    invocation = invocation_of(context)
    with opened(invocation, wanted) as world:
        seen = look(world)
        long_transactions = world.settings.long_transactions
    seen = replace(seen, problems=(*seen.problems, *rights_lacking(found(invocation, wanted))))
    if as_json:
        print_json(seen)
    else:
        show_survey(seen, answers(), limits=long_transactions)
