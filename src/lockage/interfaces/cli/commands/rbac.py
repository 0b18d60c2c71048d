"""``lockage rbac NAME``: what Lockage must be allowed, on the cluster and in the database."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from dataclasses import replace as replaced
from typing import Annotated

import typer
from msgspec.structs import replace

from lockage.core.plan.database_role import database_role
from lockage.core.plan.rights import Footprint, Rule, Use, left_out, rules_for
from lockage.core.plan.roles import Holder, as_yaml, commented, subject_of
from lockage.errors import LockageError, UsageError
from lockage.interfaces.cli.console import notes, say
from lockage.interfaces.cli.invocation import Invocation, command_app, invocation_of
from lockage.interfaces.cli.opening import found, opened_deployment
from lockage.interfaces.cli.options import Json, names_deployment_but_no_database, refuse_together
from lockage.interfaces.cli.output import print_json
from lockage.interfaces.deployments import Located
from lockage.interfaces.flags import Wanted
from lockage.interfaces.rights import database_shape, footprint_of, identity_of, missing_of, remarks_on

app = command_app()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """What ``lockage rbac --json`` prints."""

    schema: str = "lockage.rights/1"
    deployment: str
    namespace: str
    use: Use
    rules: tuple[Rule, ...]  # with --missing: those that our identity lacks
    left_out: tuple[Rule, ...]  # that only a ClusterRole gives
    remarks: tuple[str, ...]


@app.command()
@names_deployment_but_no_database
def rbac(
    context: typer.Context,
    wanted: Wanted,
    *,
    to: Annotated[
        str | None, typer.Option("--to", metavar="RELEASE", help="Count in what the chart of this release renders.")
    ] = None,
    read_only: Annotated[bool, typer.Option("--read-only", help="For survey, forecast, plan and diagnose only.")] = False,
    cluster_role: Annotated[bool, typer.Option("--cluster-role", help="Add a ClusterRole for what only one can give.")] = False,
    in_cluster: Annotated[
        bool, typer.Option("--in-cluster", help="Add what it takes to start runs in the cluster and follow them.")
    ] = False,
    service_account: Annotated[
        str, typer.Option("--service-account", metavar="NAME", help="Who gets the rights, and what the Role is called.")
    ] = "lockage",
    missing: Annotated[bool, typer.Option("--missing", help="Only what you lack, as a Role for yourself.")] = False,
    values: Annotated[bool, typer.Option("--values", help="Print them as values of Lockage's own chart instead.")] = False,
    database_url: Annotated[
        str | None, typer.Option("--database-url", metavar="URL", help="Of the database that the role is for.")
    ] = None,
    database: Annotated[bool, typer.Option("--database", help="Print the smallest database role as SQL instead.")] = False,
    as_json: Json = False,
) -> None:
    """Print the rights that Lockage needs, the narrowest that there are.

    As YAML for kubectl apply -f -, with what each rule is for. The application's chart decides most of them: with --to,
    that of the release gone to is looked at too. Nothing is changed.
    """
    refuse_together({"--missing": missing, "--database": database}, command="rbac")
    refuse_together({"--database": database, "--json": as_json, "--values": values}, command="rbac")
    invocation = invocation_of(context)
    wanted = replace(wanted, database=database_url)
    use = Use.LOOK if read_only else Use.UPGRADE
    if database:
        _print_role(invocation, wanted, use)
        return
    located = found(invocation, wanted)
    footprint = replaced(footprint_of(located, targets=(to,) if to else ()), starts=in_cluster)
    rules = rules_for(footprint, use=use, cluster_role=cluster_role)
    holder = Holder(name=service_account, namespace=footprint.namespace)
    if missing:
        rules = missing_of(located, footprint, use=use)
        holder = Holder(
            name=f"{service_account}-missing", namespace=footprint.namespace, subject=subject_of(identity_of(located))
        )
    remarks = remarks_on(footprint, use=use, cluster_role=cluster_role or missing)
    if as_json:
        print_json(_record(located, footprint, use, rules, remarks))
    elif values:
        sys.stdout.write(f"rbac:\n  rules:\n{commented([rule for rule in rules if not rule.cluster_wide], indent=4)}")
    elif missing and not rules:
        say(notes(), f"nothing is missing in namespace {footprint.namespace}")
    else:
        title = f"What Lockage needs {'to look at' if read_only else 'to upgrade'} {located.name}: kubectl apply -f - < this."
        sys.stdout.write(as_yaml(rules, holder, remarks=(title, *remarks)))


def _record(located: Located, footprint: Footprint, use: Use, rules: tuple[Rule, ...], remarks: tuple[str, ...]) -> Rights:
    return Rights(
        deployment=located.name,
        namespace=footprint.namespace,
        use=use,
        rules=rules,
        left_out=left_out(footprint, use=use),
        remarks=remarks,
    )


def _print_role(invocation: Invocation, wanted: Wanted, use: Use) -> None:
    located = found(invocation, wanted)
    profile = located.profile
    try:
        with opened_deployment(invocation, wanted) as opened:
            profile = opened.deployment.profile
            shape, problem = database_shape(opened.deployment.database_url, ledger=profile.migrations.ledger)
    except LockageError as error:
        if profile is None:
            raise UsageError(
                f"where the ledger of {wanted.name} is, is not known: {error.message}",
                code="LK552",
                hint="name its profile: --profile FILE|NAME",
            ) from error
        # Without the cluster the address may still be known, and the other way round.
        shape, problem = database_shape(located.database_url, ledger=profile.migrations.ledger, problem=error.message)
    if problem is not None:
        say(notes(), f"the database was not looked at: {problem}")
    sys.stdout.write(database_role(shape, ledger=profile.migrations.ledger, use=use))
