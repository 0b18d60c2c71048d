"""``lockage upgrade NAME``: begin a run, or go on with the one that has not ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import typer
from msgspec.structs import replace
from rich.console import Console

from lockage.core.blockers import Blocker
from lockage.core.plan.digest import check_plan_file
from lockage.core.plan.planner import Wishes
from lockage.core.plan.steps import OnBlocker, Plan
from lockage.core.plan.window import parse_window
from lockage.core.recovery.restore_points import RestorePoints
from lockage.errors import UsageError
from lockage.flows.unfinished import Unfinished
from lockage.flows.upgrade import Wanted
from lockage.interfaces.cli.cluster_run import upgrade_in_cluster
from lockage.interfaces.cli.console import answers, narrated, notes, say
from lockage.interfaces.cli.invocation import command_app, invocation_of
from lockage.interfaces.cli.opening import opened_deployment
from lockage.interfaces.cli.options import (
    AdvisoryFiles,
    Json,
    MigrationsFolder,
    ProbeBudget,
    StrategyChoice,
    names_deployment,
    refuse_together,
    refuse_without_a_terminal,
)
from lockage.interfaces.cli.output import print_json
from lockage.interfaces.cli.plan_view import show_plan
from lockage.interfaces.cli.run_view import show_event, show_report
from lockage.interfaces.flags import Wanted as Named
from lockage.interfaces.in_cluster import Options
from lockage.interfaces.upgrading import patient_interrupt, run_upgrade, this_host
from lockage.interfaces.wiring_recovering import restore_points_of

app = command_app()


@app.command()
@names_deployment
def upgrade(
    context: typer.Context,
    named: Named,
    *,
    to: Annotated[str | None, typer.Option("--to", metavar="RELEASE", help="The release to go to, such as 2.27.8.")] = None,
    plan: Annotated[Path | None, typer.Option("--plan", metavar="FILE", help="Carry out this approved plan.")] = None,
    at: Annotated[
        str | None,
        typer.Option(
            "--at", metavar="WINDOW", help="Wait until it begins, and begin only what ends in it. See lockage window."
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before the first change.")] = False,
    restore_point: Annotated[
        str | None,
        typer.Option("--restore-point", metavar="NAME", help="The backup to go back to; it is recorded, not made."),
    ] = None,
    no_restore_point: Annotated[
        bool, typer.Option("--no-restore-point", help="Accept that there is no backup to go back to; it is recorded.")
    ] = False,
    on_blocker: Annotated[
        OnBlocker | None,
        typer.Option("--on-blocker", help="What is done with other people's sessions in the way. Default: as planned."),
    ] = None,
    advisories: AdvisoryFiles = None,
    migrations: MigrationsFolder = None,
    strategy: StrategyChoice = None,
    probe_budget: ProbeBudget = None,
    in_cluster: Annotated[
        bool,
        typer.Option("--in-cluster", help="Carry it out in the cluster, as a Job, and follow it: this machine may go away."),
    ] = False,
    image: Annotated[
        str | None, typer.Option("--image", metavar="IMAGE", help="Of the Job. Default: Lockage's own of this version.")
    ] = None,
    service_account: Annotated[
        str | None,
        typer.Option(
            "--service-account", metavar="NAME", help="Of the Job, with what lockage rbac prints. Default: a new one."
        ),
    ] = None,
    storage_class: Annotated[
        str | None,
        typer.Option("--volume", metavar="CLASS", help="Keep the Job's journal on a volume of this storage class."),
    ] = None,
    go_on: Annotated[bool, typer.Option("--go-on", hidden=True)] = False,  # for the Job: the plan, or what has become of it
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
    _refuse_without_in_cluster(
        {"--image": image, "--service-account": service_account, "--volume": storage_class}, in_cluster=in_cluster
    )
    if not yes and not in_cluster:
        refuse_without_a_terminal("upgrade", named.name)
    invocation = invocation_of(context)
    named = replace(named, advisories=tuple(advisories or ()), migrations=migrations)
    wanted = Wanted(
        target=to,
        approved=check_plan_file(_text_of(plan), file=str(plan)) if plan else None,
        goes_on=go_on,
        restore_point=restore_point,
        no_restore_point=no_restore_point,
        on_blocker=on_blocker,
        wishes=Wishes(strategy=strategy, probe_budget_s=probe_budget, on_blocker=on_blocker or OnBlocker.WAIT),
        window=None if at is None else parse_window(at),
        host=this_host(),
    )
    if in_cluster:
        options = Options(image=image, service_account=service_account, storage_class=storage_class)
        raise typer.Exit(upgrade_in_cluster(invocation, named, wanted, options, asks=not yes, as_json=as_json))
    console = notes()
    with (
        patient_interrupt(lambda: say(console, "stopping at the next place where nothing is down; Ctrl-C again: now")) as stop,
        narrated() as narrate,
        opened_deployment(invocation, named, show=lambda event: show_event(event, console), glimpse=narrate) as opened,
    ):
        report = run_upgrade(
            opened.world,
            opened.deployment,
            invocation.folders,
            wanted=wanted,
            confirm=lambda proposed, unfinished: _confirmed(
                proposed,
                unfinished,
                console,
                asks=not yes,
                before=narrate.clear,
                seen=lambda: restore_points_of(opened.deployment),
            ),
            stop=stop,
            narrate=narrate,
            clear=lambda orphans: _may_clear(orphans, console, asks=not yes, before=narrate.clear),
        )
    if as_json:
        print_json(report)
    else:
        show_report(report, answers())


def _refuse_without_in_cluster(options: Mapping[str, str | None], *, in_cluster: bool) -> None:
    given = [name for name, value in options.items() if value is not None]
    if given and not in_cluster:
        raise UsageError(f"{' and '.join(given)} say nothing without --in-cluster", code="LK003", hint="add --in-cluster")


def _text_of(plan: Path) -> str:
    try:
        return plan.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{plan} cannot be read: {error}", code="LK012", hint="lockage plan NAME --to RELEASE -o FILE"
        ) from error


def _confirmed(
    plan: Plan,
    unfinished: Unfinished | None,
    console: Console,
    *,
    asks: bool,
    before: Callable[[], None],
    seen: Callable[[], RestorePoints],
) -> bool:
    before()
    if unfinished is not None and unfinished.begun:
        hop = plan.hops[unfinished.hop]
        say(console, f"going on with run {unfinished.run_id}, in the hop from {hop.from_release} to {hop.to_release}")
    else:
        show_plan(plan, console, proposed=False)
        say(console, f"restore points: {seen().sentence}", style="dim")
    return not asks or typer.confirm("Carry this out?", err=True)


def _may_clear(orphans: tuple[Blocker, ...], console: Console, *, asks: bool, before: Callable[[], None]) -> bool:
    before()
    say(console, "nothing can be planned while what dead clients left behind keeps the database locked:")
    for orphan in orphans:
        say(console, f"  {orphan.sentence}")
    question = "End those that can only roll back, and wait for those that commit by themselves?"
    return not asks or typer.confirm(question, err=True)
