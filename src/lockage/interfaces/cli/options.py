"""Options and arguments that several commands share, so that one word means one thing everywhere.

Not for options of one command only. The surprising thing: these are types (``Annotated``), so a command's signature reads
as its synopsis.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Name = Annotated[str, typer.Argument(metavar="NAME", help="The deployment: demo, or one that lockage.toml describes.")]

Json = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]

To = Annotated[str, typer.Option("--to", metavar="RELEASE", help="The release to go to, such as 2.27.8.")]

OptionalTo = Annotated[str | None, typer.Option("--to", metavar="RELEASE", help="The release to go to, such as 2.27.8.")]

ProbeBudget = Annotated[
    float | None,
    typer.Option(
        "--probe-budget",
        metavar="S",
        min=1.0,
        help="Seconds that the migrating replica gets before its liveness probe may kill it. Default: from the forecast.",
    ),
]

ProfileFile = Annotated[
    Path | None,
    typer.Option("--profile", metavar="FILE", help="Profile of the application, instead of the one it is known by."),
]

Database = Annotated[
    str | None,
    typer.Option("--database", metavar="URL", help="The application's database, instead of the one it is known by."),
]
