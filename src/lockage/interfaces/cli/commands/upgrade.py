"""``lockage upgrade NAME``: begin a run, or go on with the one that has not ended."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from lockage.core.plan.steps import OnBlocker
from lockage.errors import RefusedError
from lockage.interfaces.cli.invocation import command_app, invocation_of
from lockage.interfaces.cli.options import (
    BlockerChoice,
    DatabaseUrl,
    Json,
    Name,
    ProbeBudget,
    ProfileFile,
    StrategyChoice,
    refuse_together,
)

app = command_app()


@app.command()
def upgrade(
    context: typer.Context,
    name: Name,
    *,
    to: Annotated[str | None, typer.Option("--to", metavar="RELEASE", help="The release to go to, such as 2.27.8.")] = None,
    plan: Annotated[Path | None, typer.Option("--plan", metavar="FILE", help="Carry out this approved plan.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before the first change.")] = False,
    restore_point: Annotated[
        str | None,
        typer.Option("--restore-point", metavar="NAME", help="The backup to go back to; it is recorded, not made."),
    ] = None,
    no_restore_point: Annotated[
        bool, typer.Option("--no-restore-point", help="Accept that there is no backup to go back to; it is recorded.")
    ] = False,
    on_blocker: BlockerChoice = OnBlocker.WAIT,
    strategy: StrategyChoice = None,
    probe_budget: ProbeBudget = None,
    profile: ProfileFile = None,
    database: DatabaseUrl = None,
    as_json: Json = False,
) -> None:
    """Carry out an upgrade, or go on with one that stopped.

    Without --to and --plan, the run of this deployment that has not ended is gone on with. Ctrl-C stops at the next safe
    place; the second Ctrl-C stops at once. The migration itself is never killed by it.
    """
    given_plan = plan is not None
    refuse_together({"--to": to is not None, "--plan": given_plan}, command="upgrade")
    refuse_together({"--restore-point": restore_point is not None, "--no-restore-point": no_restore_point}, command="upgrade")
    # What a plan file says is approved as it stands.
    refuse_together({"--plan": given_plan, "--strategy": strategy is not None}, command="upgrade")
    refuse_together({"--plan": given_plan, "--probe-budget": probe_budget is not None}, command="upgrade")
    if not yes and not sys.stdin.isatty():
        raise RefusedError(
            "upgrade asks before the first change, and there is no terminal to ask on",
            code="LK004",
            hint=f"lockage upgrade {name} --yes",
        )
    invocation_of(context)
