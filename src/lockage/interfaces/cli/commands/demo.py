"""``lockage demo``: all of it in one go, or by hand between ``demo up`` and ``demo down``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from lockage.core.plan.steps import Plan
from lockage.errors import HaltedError, UsageError
from lockage.interfaces.cli.console import answers, narrated, notes, say
from lockage.interfaces.cli.invocation import command_app, invocation_of
from lockage.interfaces.cli.options import Json, refuse_together
from lockage.interfaces.cli.output import print_json
from lockage.interfaces.cli.run_view import show_event
from lockage.interfaces.demo import stage
from lockage.interfaces.demo.evening import Watching, Ways, demonstrate
from lockage.interfaces.demo.performance import DemoResult
from lockage.interfaces.demo.playbill import MARGIN_S, MARGIN_WITH_HELM_S, show_playbill
from lockage.interfaces.demo.seeding import FIRST_RELEASE
from lockage.interfaces.demo.stage import DEFAULT_ROWS
from lockage.interfaces.folders import Folders

if TYPE_CHECKING:
    from lockage.interfaces.demo.on_cluster import Where

app = command_app()

Rows = Annotated[
    int | None,
    typer.Option("--rows", metavar="N", min=1_000, help="Rows of the large table. Default: what makes the point in minutes."),
]


@app.callback(invoke_without_command=True)
def demo(
    context: typer.Context,
    *,
    naive_only: Annotated[bool, typer.Option("--naive-only", help="Without Lockage: the usual way only.")] = False,
    skip_naive: Annotated[bool, typer.Option("--skip-naive", help="Only with Lockage.")] = False,
    by_hand: Annotated[
        bool, typer.Option("--by-hand", help="Also as the vendor's guide says, performed by a script. About 45 s more.")
    ] = False,
    kubeconfig: Annotated[
        Path | None,
        typer.Option("--kubeconfig", metavar="FILE", help="Perform on this cluster, by Helm. Never the usual one by itself."),
    ] = None,
    kube_context: Annotated[
        str | None, typer.Option("--context", metavar="CONTEXT", help="Of the kubeconfig. Default: its current one.")
    ] = None,
    host: Annotated[
        str | None,
        typer.Option("--host", metavar="ADDRESS", help="Of this machine, for pods: the demo's PostgreSQL listens there."),
    ] = None,
    database: Annotated[
        str | None,
        typer.Option("--database", metavar="URL", help="Instead: an administrator's, of a server that pods reach, too."),
    ] = None,
    image: Annotated[
        str | None, typer.Option("--image", metavar="REPOSITORY", help="Of towpath's images on the cluster. Default: towpath.")
    ] = None,
    rows: Rows = None,
    as_json: Json = False,
) -> None:
    """Upgrade a real application, the usual way and with Lockage.

    Starts towpath, a small highly available control plane, on a PostgreSQL of its own, with real traffic; upgrades it from
    2.26.0 to 2.27.8 the way people do it today, then again with Lockage; and puts the two side by side. Needs no root, no
    Docker and no Kubernetes, and leaves nothing behind.

    With --kubeconfig and --host, all of it on a cluster that you name: by Helm, in namespaces and databases of the demo's
    own, with kills by the kubelet, and for Lockage the rights that lockage rbac prints.
    """
    refuse_together({"--naive-only": naive_only, "--skip-naive": skip_naive}, command="demo")
    refuse_together({"--host": host is not None, "--database": database is not None}, command="demo")
    for_cluster: dict[str, str | None] = {
        "--context": kube_context,
        "--host": host,
        "--database": database,
        "--image": image,
    }
    if context.invoked_subcommand is not None:
        given = {
            "--naive-only": naive_only,
            "--skip-naive": skip_naive,
            "--by-hand": by_hand,
            "--kubeconfig": kubeconfig is not None,
            **{option: value is not None for option, value in for_cluster.items()},
            "--rows": rows is not None,
            "--json": as_json,
        }
        for option, was_given in given.items():
            refuse_together({option: was_given, f"demo {context.invoked_subcommand}": True}, command="demo")
        return
    ways = Ways(naive=not skip_naive, by_hand=by_hand, lockage=not naive_only)
    _perform(invocation_of(context).folders, _where(kubeconfig, for_cluster), rows=rows, ways=ways, as_json=as_json)


def _perform(folders: Folders, where: Where | None, *, rows: int | None, ways: Ways, as_json: bool) -> None:
    """All of it, and the answer. Raises ``typer.Exit`` when Lockage halted part-way."""
    console = notes()
    with narrated() as narrate:
        watching = Watching(
            act=lambda line: say(console, f"\n{line}", style="bold"),
            say=lambda line: say(console, line),
            event=lambda event: show_event(event, console),
            plan=lambda plan: _show_choice(plan, console),
            narrate=narrate,
        )
        result = _demonstrated(folders, where, rows=rows, ways=ways, watching=watching)
    if as_json:
        print_json(result)
    else:
        show_playbill(result, answers(), margin_s=MARGIN_S if where is None else MARGIN_WITH_HELM_S)
    if result.lockage and result.lockage.outcome != "healthy":
        raise typer.Exit(HaltedError.exit_code)


def _where(kubeconfig: Path | None, options: Mapping[str, str | None]) -> Where | None:
    """The cluster that is meant; None: the local stage. Raises ``UsageError`` (LK524) for half of what is needed."""
    given = [option for option, value in options.items() if value is not None]
    if kubeconfig is None:
        if given:
            raise UsageError(
                f"{' and '.join(given)} {'is' if len(given) == 1 else 'are'} for a cluster, and none is named",
                code="LK524",
                hint="name it by its file, since the usual kubeconfig may lead to production: --kubeconfig FILE",
            )
        return None
    if options["--host"] is None and options["--database"] is None:
        raise UsageError(
            "the demo on a cluster needs a PostgreSQL that pods reach, and neither --host nor --database names one",
            code="LK524",
            hint="--host ADDRESS of this machine, as pods reach it, and the demo brings its own; or --database URL",
        )
    from lockage.interfaces.demo.on_cluster import Where  # noqa: PLC0415 - the local stage does not pay for it

    return Where(
        kubeconfig=kubeconfig,
        context=options["--context"],
        host=options["--host"],
        database=options["--database"],
        image=options["--image"],
    )


def _demonstrated(folders: Folders, where: Where | None, *, rows: int | None, ways: Ways, watching: Watching) -> DemoResult:
    if where is None:
        return demonstrate(folders, rows=rows or DEFAULT_ROWS, ways=ways, watching=watching)
    from lockage.interfaces.demo import on_cluster  # noqa: PLC0415 - as above

    return on_cluster.demonstrate_on_cluster(folders, where, rows=rows or on_cluster.DEFAULT_ROWS, ways=ways, watching=watching)


def _show_choice(plan: Plan, console: Console) -> None:
    for hop in plan.hops:
        say(console, f"{hop.from_release} to {hop.to_release}: {hop.strategy.value}, because {hop.reasons[0]}")


@app.command()
def up(context: typer.Context, *, rows: Rows = None) -> None:
    """Start the demo and leave it running, to try by hand.

    Then: lockage survey demo, lockage forecast demo --to 2.27.8, lockage plan demo --to 2.27.8, lockage upgrade demo --to
    2.27.8, lockage watch demo, lockage verify demo. Doing it again changes nothing that runs.
    """
    console = notes()
    stage_up = stage.up(invocation_of(context).folders, rows=rows or DEFAULT_ROWS, say=lambda line: say(console, line))
    answer = answers()
    say(answer, f"towpath {FIRST_RELEASE} serves on {stage_up.service_url}, with {stage_up.rows:,} API keys")
    say(answer, "next: lockage survey demo")


@app.command()
def down(context: typer.Context) -> None:
    """Stop the demo and remove its data."""
    existed = stage.down(invocation_of(context).folders)
    say(answers(), "the demo is down, and its data is gone" if existed else "the demo was not up")


@app.command()
def status(context: typer.Context, *, as_json: Json = False) -> None:
    """Say whether the demo is up, and where its parts are."""
    folders = invocation_of(context).folders
    seen = stage.seen(folders)
    if as_json:
        print_json(seen)
        return
    if not seen.up:
        say(answers(), "the demo is not up; next: lockage demo up")
        return
    say(
        answers(),
        f"towpath serves on {seen.service_url}; {seen.rows:,} API keys; traffic {'flows' if seen.traffic else 'has ended'}",
    )
    say(answers(), f"data: {seen.data_dir}")
