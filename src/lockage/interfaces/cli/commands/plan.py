"""``lockage plan NAME --to RELEASE``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lockage.core.plan.steps import OnBlocker
from lockage.interfaces.cli.invocation import command_app, invocation_of
from lockage.interfaces.cli.options import (
    BlockerChoice,
    DatabaseUrl,
    Json,
    Name,
    ProbeBudget,
    ProfileFile,
    StrategyChoice,
    Target,
    refuse_together,
)

app = command_app()


@app.command()
def plan(
    context: typer.Context,
    name: Name,
    to: Target,
    *,
    strategy: StrategyChoice = None,
    probe_budget: ProbeBudget = None,
    on_blocker: BlockerChoice = OnBlocker.WAIT,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write the plan as YAML, to read, approve and keep.")
    ] = None,
    runbook: Annotated[
        bool, typer.Option("--runbook", help="Print every step as the command that a person would type.")
    ] = False,
    profile: ProfileFile = None,
    database: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Plan an upgrade: route, strategy, steps and their undoing.

    Changes nothing. A plan file can be carried out later by: lockage upgrade NAME --plan FILE
    """
    refuse_together({"--runbook": runbook, "--json": as_json}, command="plan")
    invocation_of(context)
