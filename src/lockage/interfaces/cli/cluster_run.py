"""``lockage upgrade NAME --in-cluster``: planned, shown and asked for here, carried out in a Job, and followed.

Not for packing the Job (``interfaces.in_cluster``). The surprising thing: Ctrl-C ends only the following. The run is the
cluster's, and the same command follows it again, from this machine or another.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TypeVar

import msgspec
import typer
from rich.console import Console

from lockage.core.plan.steps import Plan
from lockage.core.run import Notes, RunReport, read_notes
from lockage.errors import RefusedError
from lockage.flows.upgrade import Wanted
from lockage.interfaces.cli import failures
from lockage.interfaces.cli.console import answers, narrated, notes, say
from lockage.interfaces.cli.invocation import Invocation
from lockage.interfaces.cli.opening import found, opened_deployment
from lockage.interfaces.cli.output import print_json
from lockage.interfaces.cli.plan_view import show_plan
from lockage.interfaces.cli.run_view import show_report
from lockage.interfaces.deployments import Located
from lockage.interfaces.flags import Wanted as Named
from lockage.interfaces.forecasting import proposer
from lockage.interfaces.in_cluster import Options, follow_in_cluster, running_in_cluster, start_in_cluster

T = TypeVar("T")

ENCODED = '{"schema":"lockage.'
"""How a record begins, among the lines of a Job: the report at its end, or the error."""


def upgrade_in_cluster(
    invocation: Invocation, named: Named, wanted: Wanted, options: Options, *, asks: bool, as_json: bool
) -> int:
    """The exit code of the run in the cluster, begun or found under way.

    Raises ``RefusedError``: LK315, LK327, LK328 and LK329 as ``flows.upgrade`` does, LK553 what cannot be brought there;
    ``HaltedError`` (LK554) when the Job did not end by itself.
    """
    located = found(invocation, named)
    console = notes()
    job = running_in_cluster(located)
    if job is None:
        job = _started(invocation, named, located, wanted, options, console, asks=asks)
        if job is None:
            return 0
        say(console, f"the run is Job {job}; Ctrl-C ends only the following of it")
    else:
        say(console, f"a run of {located.name} is under way: following Job {job}")
    try:
        return follow_in_cluster(
            located, job, tell=lambda line: _tell(line, console, as_json=as_json), note=lambda n: say(console, n)
        )
    except KeyboardInterrupt:
        say(console, f"the run goes on in the cluster; to follow it again: lockage upgrade {located.name} --in-cluster")
        return failures.INTERRUPTED_EXIT


def _started(
    invocation: Invocation,
    named: Named,
    located: Located,
    wanted: Wanted,
    options: Options,
    console: Console,
    *,
    asks: bool,
) -> str | None:
    """The name of the Job; None when there is nothing to do."""
    with opened_deployment(invocation, named) as opened, narrated() as narrate:
        noted = read_notes(opened.world.platform.workload())
        plan = _under_way(noted, wanted, located.name)
        if plan is None:
            propose = proposer(opened.world, opened.deployment, narrate=narrate)
            plan = wanted.approved or propose(wanted.target or "", wanted.wishes)
            narrate.clear()
            show_plan(plan, console, proposed=False)
        else:
            say(console, f"going on with the run from {plan.from_release} to {plan.to_release}")
        if not plan.hops:
            return None
        if not (wanted.restore_point or wanted.no_restore_point or noted.waiver):
            raise RefusedError(
                "an upgrade that migrates cannot be rolled back, and no restore point was named",
                code="LK328",
                hint=f"lockage upgrade {located.name} … --restore-point NAME, or --no-restore-point to accept that",
            )
        if asks and not sys.stdin.isatty():
            raise RefusedError(
                "upgrade asks before the first change, and there is no terminal to ask on",
                code="LK004",
                hint=f"lockage upgrade {located.name} --in-cluster --yes",
            )
        if asks and not typer.confirm("Carry this out in the cluster?", err=True):
            raise RefusedError("the plan was not confirmed; nothing was changed by this command", code="LK329")
        window = wanted.window
        waits_s = ((window.end or window.begin) - opened.world.clock.now()).total_seconds() if window is not None else 0.0
        options = replace(options, arguments=_arguments(wanted), waits_s=max(0.0, waits_s))
        return start_in_cluster(located, opened.deployment, plan, options)


def _under_way(noted: Notes, wanted: Wanted, deployment: str) -> Plan | None:
    """The plan of the run that the object says is part-way."""
    target = wanted.approved.to_release if wanted.approved else wanted.target
    if noted.run is None:
        if target is None:
            raise RefusedError(
                f"no run of {deployment} is part-way, and no release was named",
                code="LK315",
                hint=f"lockage upgrade {deployment} --to RELEASE --in-cluster",
            )
        return None
    if target not in {None, noted.run.plan.to_release}:
        raise RefusedError(
            f"run {noted.run.id} to {noted.run.plan.to_release} is part-way; {target} was asked for",
            code="LK327",
            hint=f"lockage upgrade {deployment} --in-cluster",
        )
    return noted.run.plan


def _arguments(wanted: Wanted) -> tuple[str, ...]:
    said: list[str] = []
    if wanted.restore_point:
        said += ["--restore-point", wanted.restore_point]
    if wanted.no_restore_point:
        said.append("--no-restore-point")
    if wanted.on_blocker is not None:
        said += ["--on-blocker", wanted.on_blocker.value]
    if wanted.window is not None:
        said += ["--at", wanted.window.id]
    return tuple(said)


def _tell(line: str, console: Console, *, as_json: bool) -> None:
    """One line of the Job: what it prints for programs is for people here, unless it was asked for."""
    if not line.startswith(ENCODED):
        say(console, line)
    elif (report := _decoded(line, RunReport)) is not None:
        if as_json:
            print_json(report)
        else:
            show_report(report, answers())
    elif (failure := _decoded(line, failures.Failure)) is not None:
        failures.tell(failure, as_json=as_json)


def _decoded(line: str, record: type[T]) -> T | None:
    try:
        return msgspec.json.decode(line, type=record)
    except msgspec.MsgspecError:
        return None
