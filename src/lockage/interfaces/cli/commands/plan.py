"""``lockage plan NAME --to RELEASE``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from msgspec.structs import replace

from lockage.core.plan.digest import plan_file
from lockage.core.plan.planner import Wishes
from lockage.core.plan.runbook import runbook as runbook_of
from lockage.core.plan.steps import OnBlocker
from lockage.flows.score import past_runs
from lockage.interfaces.cli.console import answers, narrated, notes, say
from lockage.interfaces.cli.invocation import command_app, invocation_of
from lockage.interfaces.cli.opening import opened_deployment
from lockage.interfaces.cli.options import (
    AdvisoryFiles,
    BlockerChoice,
    Json,
    MigrationsFolder,
    ProbeBudget,
    StrategyChoice,
    Target,
    names_deployment,
    refuse_together,
)
from lockage.interfaces.cli.output import print_json
from lockage.interfaces.cli.output_file import require_place
from lockage.interfaces.cli.plan_view import show_plan
from lockage.interfaces.deployments import unwritable
from lockage.interfaces.dialects import dialect_of
from lockage.interfaces.flags import Wanted
from lockage.interfaces.forecasting import proposer
from lockage.interfaces.wiring import journals

app = command_app()


@app.command()
@names_deployment
def plan(
    context: typer.Context,
    wanted: Wanted,
    to: Target,
    *,
    strategy: StrategyChoice = None,
    probe_budget: ProbeBudget = None,
    on_blocker: BlockerChoice = OnBlocker.WAIT,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write the plan as YAML, to read, approve and keep.")
    ] = None,
    advisories: AdvisoryFiles = None,
    migrations: MigrationsFolder = None,
    runbook: Annotated[
        bool, typer.Option("--runbook", help="Print every step as the command that a person would type.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Plan an upgrade: route, strategy, steps and their undoing.

    Changes nothing. A plan file can be carried out later by: lockage upgrade NAME --plan FILE
    """
    refuse_together({"--runbook": runbook, "--json": as_json}, command="plan")
    output = None if output is None else require_place(output)
    invocation = invocation_of(context)
    wanted = replace(wanted, advisories=tuple(advisories or ()), migrations=migrations)
    wishes = Wishes(strategy=strategy, probe_budget_s=probe_budget, on_blocker=on_blocker)
    with opened_deployment(invocation, wanted) as opened, narrated() as narrate:
        past = past_runs(journals(invocation.folders), opened.deployment.name)
        made = proposer(opened.world, opened.deployment, narrate=narrate, past=past)(to, wishes)
        page = runbook_of(made, opened.deployment.profile, dialect_of(opened)) if runbook else ""
    if output is not None:
        _write(output, plan_file(made))
        say(notes(), f"written to {output}; to carry it out: lockage upgrade {wanted.name} --plan {output}")
    if as_json:
        print_json(made)
    elif runbook:
        typer.echo(page)
    else:
        show_plan(made, answers())


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise unwritable(file, error) from error
