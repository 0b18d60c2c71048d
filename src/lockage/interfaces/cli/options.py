"""Options and arguments that several commands share, so that one word means one thing everywhere.

Not for options of one command only. The surprising thing: these are types (``Annotated``), so a command's signature reads
as its synopsis.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from lockage.core.plan.steps import OnBlocker, Strategy
from lockage.errors import UsageError

Name = Annotated[str, typer.Argument(metavar="NAME", help="The deployment: demo, or one that a lockage.toml describes.")]

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
    typer.Option("--profile", metavar="FILE", help="The application's profile, instead of the one it is known by."),
]


def refuse_together(options: Mapping[str, bool], *, command: str) -> None:
    """Nothing, when at most one of the options (name to "was given") was given.

    Raises ``UsageError`` (LK003) naming those that exclude each other.
    """
    given = [name for name, was_given in options.items() if was_given]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} exclude each other", code="LK003", hint=f"lockage {command} --help")
