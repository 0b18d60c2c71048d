"""``lockage recover NAME``: get out of whatever is broken, by the least force that serves."""

from __future__ import annotations

from typing import Annotated, Literal

import typer
from msgspec import structs

from lockage.core.recovery.runbook import recovery_runbook
from lockage.core.recovery.scene import Wishes
from lockage.core.recovery.steps import Recovery
from lockage.core.run import RunReport
from lockage.errors import RefusedError
from lockage.flows.recover import recover as recover_run
from lockage.flows.recover import way_out
from lockage.flows.rescue import Means, a_persons, goes_on, rescue
from lockage.interfaces.cli.console import Narration, answers, narrated, notes, say
from lockage.interfaces.cli.invocation import Invocation, command_app, invocation_of
from lockage.interfaces.cli.opening import found as located_by
from lockage.interfaces.cli.opening import opened_deployment
from lockage.interfaces.cli.options import (
    Json,
    MigrationsFolder,
    ProbeBudget,
    names_deployment,
    refuse_together,
    refuse_without_a_terminal,
)
from lockage.interfaces.cli.output import print_json
from lockage.interfaces.cli.recovery_view import show_recovery
from lockage.interfaces.cli.run_view import show_event, show_report
from lockage.interfaces.dialects import dialect_of
from lockage.interfaces.flags import Wanted
from lockage.interfaces.recovering import Judged, judged
from lockage.interfaces.upgrading import new_run_id, this_host
from lockage.interfaces.wiring import Opened, backup_by, journals
from lockage.interfaces.wiring_recovering import helm_marker
from lockage.settings import Collecting

app = command_app()


@app.command()
@names_deployment
def recover(
    context: typer.Context,
    wanted: Wanted,
    *,
    plan_only: Annotated[bool, typer.Option("--plan-only", help="Show the way out, and change nothing.")] = False,
    runbook: Annotated[bool, typer.Option("--runbook", help="Print every step as a person would type it.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before the first change.")] = False,
    to: Annotated[
        str | None, typer.Option("--to", metavar="RELEASE", help="One of the releases that fit, instead of the chosen one.")
    ] = None,
    replicas: Annotated[
        int | None, typer.Option("--replicas", metavar="N", min=1, help="How many there shall be, where nobody says it.")
    ] = None,
    probe_budget: ProbeBudget = None,
    ledger: Annotated[
        Literal["finish", "undo", "mark"] | None, typer.Option("--ledger", help="The way out of a dirty ledger.")
    ] = None,
    applied: Annotated[
        int | None,
        typer.Option("--applied", metavar="N", min=0, help="The first N statements of the failed migration were applied."),
    ] = None,
    catalog: Annotated[
        bool, typer.Option("--catalog", help="Hold the schema against that of a clean run, and repair what differs.")
    ] = False,
    end_prepared: Annotated[
        list[str] | None,
        typer.Option("--end-prepared", metavar="GID", help="This prepared transaction may be rolled back. Repeatable."),
    ] = None,
    last_resort: Annotated[
        bool, typer.Option("--last-resort", help="End all other sessions, as the vendor's guide does; asks for the name.")
    ] = False,
    restart_hung: Annotated[
        bool, typer.Option("--restart-hung", help="Restart replicas of which one holds a migration that seems to hang.")
    ] = False,
    backup_command: Annotated[
        str | None,
        typer.Option("--backup-command", metavar="COMMAND", help="Run before anything is destroyed; it must succeed."),
    ] = None,
    migrations: MigrationsFolder = None,
    as_json: Json = False,
) -> None:
    """Get out of whatever is broken, by the least force that serves.

    A run of Lockage that is part-way is taken back or finished, as the schema says. Any other state is diagnosed first:
    waiting, orphans, the one session in the way, a dirty ledger, then the replicas, on a release that fits the schema. The plan
    is shown before anything is done. Needs no journal: any machine will do.
    """
    refuse_together({"--runbook": runbook, "--json": as_json}, command="recover")
    looks_only = plan_only or runbook
    if not looks_only and not yes:
        refuse_without_a_terminal("recover", wanted.name)
    invocation = invocation_of(context)
    wanted = structs.replace(wanted, migrations=migrations)
    wishes = Wishes(
        to_release=to, replicas=replicas, probe_budget_s=probe_budget, way=ledger, prepared=tuple(end_prepared or ()),
        last_resort=last_resort, restart_hung=restart_hung,
    )  # fmt: skip
    console = notes()
    with (
        narrated() as narrate,
        opened_deployment(invocation, wanted, show=lambda event: show_event(event, console), glimpse=narrate) as opened,
    ):
        way = _way(invocation, wanted, opened, wishes, applied=applied, catalog=catalog, narrate=narrate)
        found = way.found if isinstance(way, Judged) else way
        narrate.clear()
        if looks_only or not found.acts:
            page = recovery_runbook(found, dialect_of(opened)) if runbook else None
            _answer(found, as_json=as_json, page=page)
            if found.by_hand and not looks_only:  # a script must not take it for done
                raise a_persons(found)
            return
        show_recovery(found, console)
        named = _confirmed(found, wishes, yes=yes, name=wanted.name)
        backs_up = backup_by(backup_command, invocation.environment) if backup_command is not None else None
        report = _carried_out(
            invocation,
            opened,
            way,
            Means(
                host=this_host(),
                run_id=new_run_id(),
                back_up=backs_up,
                mark_failed=helm_marker(located_by(invocation, wanted)),
                named=named,
            ),
        )
    if as_json:
        print_json(report)
    else:
        show_report(report, answers())
    for step in found.by_hand:
        say(notes(), f"left for you: {step.target}", style="yellow")


def _way(
    invocation: Invocation,
    wanted: Wanted,
    opened: Opened,
    wishes: Wishes,
    *,
    applied: int | None,
    catalog: bool,
    narrate: Narration,
) -> Judged | Recovery:
    """The way out of a run of ours, where one is part-way; else what a diagnosis leads to."""
    if goes_on(opened.world):
        return way_out(opened.world)
    return judged(
        located_by(invocation, wanted),
        opened,
        wishes,
        folders=invocation.folders,
        applied=applied,
        catalog=catalog,
        limit_s=Collecting().limit_s,
        say=lambda line: say(notes(), line),
        narrate=narrate,
    )


def _answer(found: Recovery, *, as_json: bool, page: str | None) -> None:
    if as_json:
        print_json(found)
    elif page is not None:
        typer.echo(page)
    else:
        show_recovery(found, answers())


def _confirmed(found: Recovery, wishes: Wishes, *, yes: bool, name: str) -> frozenset[str]:
    """What a person has named. Raises ``RefusedError``: LK329 not confirmed, LK592 the name was not typed."""
    if not yes and not typer.confirm("Carry this out?", err=True):
        raise RefusedError(
            "the recovery was not confirmed; nothing was changed by this command",
            code="LK329",
            hint=f"lockage recover {name} --plan-only",
        )
    named = set(wishes.prepared)
    if wishes.last_resort:
        if found.vendor:
            say(notes(), f"call first: {found.vendor}", style="bold red")
        typed = typer.prompt(f"Every other session will be ended. Type the deployment's name ({found.deployment})", err=True)
        if typed.strip() != found.deployment:
            raise RefusedError(
                f"{typed.strip()!r} is not {found.deployment}; nothing was changed",
                code="LK592",
                hint=f"lockage recover {name} --plan-only",
            )
        named.add(found.deployment)
    return frozenset(named)


def _carried_out(invocation: Invocation, opened: Opened, way: Judged | Recovery, means: Means) -> RunReport:
    known = journals(invocation.folders)
    if isinstance(way, Judged):
        return rescue(opened.world, known, way.found, way.scene, means)
    if means.back_up is not None:
        means.back_up()
    return recover_run(opened.world, known, host=means.host)
