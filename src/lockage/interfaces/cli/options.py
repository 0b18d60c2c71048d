"""Options and arguments that several commands share, so that one word means one thing everywhere.

Not for options of one command only. The surprising thing: these are types (``Annotated``), so a command's signature reads
as its synopsis.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Concatenate, ParamSpec, TypeAlias, cast

import typer

from lockage.core.plan.steps import OnBlocker, Strategy
from lockage.errors import RefusedError, UsageError
from lockage.interfaces.cli.invocation import invocation_of
from lockage.interfaces.flags import Reach, Wanted

_ITS_NAME = "The deployment: demo, one that a lockage.toml describes, or any name with -n NAMESPACE."

Name = Annotated[str, typer.Argument(metavar="NAME", help=_ITS_NAME)]

OptionalName = Annotated[str | None, typer.Argument(metavar="NAME", help=f"{_ITS_NAME} May be left out, as said above.")]

Json = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]

Target = Annotated[str, typer.Option("--to", metavar="RELEASE", help="The release to go to, such as 2.27.8.")]

StrategyChoice = Annotated[
    Strategy | None,
    typer.Option("--strategy", help="How replicas are replaced. Default: the gentlest that the evidence allows."),
]

ProbeBudget = Annotated[
    float | None,
    typer.Option(
        "--probe-budget",
        metavar="S",
        min=1.0,
        help="Seconds that the migrating replica gets before its liveness probe may kill it. Default: from the forecast.",
    ),
]

BlockerChoice = Annotated[
    OnBlocker,
    typer.Option("--on-blocker", help="What is done with other people's sessions that stand in the way."),
]

DatabaseUrl = Annotated[
    str | None,
    typer.Option("--database", metavar="URL", help="The application's database, instead of the one it is known by."),
]

ProfileFile = Annotated[
    Path | None,
    typer.Option(
        "--profile", metavar="FILE|NAME", help="The application's profile: a file, or the name of one that Lockage brings."
    ),
]

Namespace = Annotated[str | None, typer.Option("--namespace", "-n", metavar="NAMESPACE", help="Where it is on Kubernetes.")]

Context = Annotated[
    str | None, typer.Option("--context", metavar="CONTEXT", help="Of the kubeconfig. Default: its current one.")
]

Kubeconfig = Annotated[
    str | None, typer.Option("--kubeconfig", metavar="FILE", help="Default: KUBECONFIG, else ~/.kube/config, as kubectl.")
]

Selector = Annotated[
    str | None,
    typer.Option("--selector", "-l", metavar="LABELS", help="Labels of its Deployment. Default: as the profile says."),
]

ReachChoice = Annotated[
    Reach | None,
    typer.Option("--reach", help="The way to a database on Kubernetes. Default: auto, which is the first of these that works."),
]

RelayImage = Annotated[
    str | None,
    typer.Option("--relay-image", metavar="IMAGE", help="Of the pod that --reach pod makes. Default: Lockage's own."),
]

Chart = Annotated[
    str | None,
    typer.Option("--chart", metavar="CHART", help="Release by Helm with this chart, as helm upgrade takes it."),
]

HelmRelease = Annotated[
    str | None, typer.Option("--helm-release", metavar="NAME", help="Helm's release. Default: as the Deployment says.")
]

HelmProgram = Annotated[str | None, typer.Option("--helm", metavar="PROGRAM", help="Default: helm.")]


AdvisoryFiles = Annotated[
    list[Path] | None,
    typer.Option("--advisories", metavar="FILE", help="Advisories of your own, beside the profile's. Repeatable."),
]

MigrationsFolder = Annotated[
    Path | None,
    typer.Option(
        "--migrations",
        metavar="DIR",
        help="The migrations of the release gone to, such as a checkout's, where the profile does not bring them.",
    ),
]


def _deployment_flags(
    *,
    profile: ProfileFile = None,
    database: DatabaseUrl = None,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    selector: Selector = None,
    reach: ReachChoice = None,
    relay_image: RelayImage = None,
    chart: Chart = None,
    helm_release: HelmRelease = None,
    helm_program: HelmProgram = None,
) -> None: ...


P = ParamSpec("P")
NamingCommand: TypeAlias = Callable[Concatenate[typer.Context, Wanted, P], None]


def names_deployment(command: NamingCommand[P]) -> Callable[..., None]:
    """The command with NAME and every flag that says where a deployment is, all handed to it as one ``Wanted``.

    Its first two parameters are the context and the ``Wanted``; Helm's own arguments after ``--`` are in there too.
    """
    return _gathering(command, inspect.Parameter("name", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=Name))


def may_name_deployment(command: NamingCommand[P]) -> Callable[..., None]:
    """As ``names_deployment``, for a command that has another use without NAME: the name is empty then."""
    name = inspect.Parameter("name", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=OptionalName, default=None)
    return _gathering(command, name)


def names_deployment_but_no_database(command: NamingCommand[P]) -> Callable[..., None]:
    """As ``names_deployment``, for a command whose ``--database`` means something else."""
    name = inspect.Parameter("name", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=Name)
    return _gathering(command, name, without=("database",))


def _gathering(command: NamingCommand[P], name: inspect.Parameter, *, without: tuple[str, ...] = ()) -> Callable[..., None]:
    every = inspect.signature(_deployment_flags, eval_str=True).parameters
    flags = {flag: parameter for flag, parameter in every.items() if flag not in without}
    context, _, *own = inspect.signature(command, eval_str=True).parameters.values()

    def gathered(**given: Any) -> None:
        of_call = given.pop(context.name)
        named = {flag: given.pop(_prefixed(flag)) for flag in flags}
        passed = invocation_of(of_call).passed
        _refuse_empty(named)
        wanted = Wanted(name=given.pop("name") or "", helm_arguments=passed, **named)
        cast("Callable[..., None]", command)(of_call, wanted, **given)

    gathered.__name__, gathered.__doc__ = getattr(command, "__name__", "command"), command.__doc__
    # Typer reads the signature. The command's own options come first, as its synopsis has them.
    gathered.__signature__ = inspect.Signature(  # pyright: ignore[reportFunctionMemberAccess] - inspect's own protocol
        [context, name, *own, *(flag.replace(name=_prefixed(flag.name)) for flag in flags.values())]
    )
    gathered.__annotations__ = {}
    return gathered


def _refuse_empty(named: Mapping[str, Any]) -> None:
    """Nothing, unless the URL is empty, as in a script whose variable is not set: libpq would take some other database."""
    if named.get("database") == "":
        raise UsageError("--database is empty", code="LK120", hint="is the variable set that holds the URL?")


def _prefixed(flag: str) -> str:
    return f"deployment_{flag}"  # so that it is none of the command's own names


def refuse_together(options: Mapping[str, bool], *, command: str) -> None:
    """Nothing, when at most one of the options (name to "was given") was given.

    Raises ``UsageError`` (LK003) naming those that exclude each other.
    """
    given = [name for name, was_given in options.items() if was_given]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} exclude each other", code="LK003", hint=f"lockage {command} --help")


def refuse_without_a_terminal(command: str, name: str) -> None:
    """Nothing where somebody can be asked before the first change. Raises ``RefusedError`` (LK004) where nobody can."""
    if not sys.stdin.isatty():
        raise RefusedError(
            f"{command} asks before the first change, and there is no terminal to ask on",
            code="LK004",
            hint=f"lockage {command} {name} --yes",
        )
