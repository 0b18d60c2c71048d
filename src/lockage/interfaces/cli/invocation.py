"""What every command gets beside its own options: environment, folders, log.

Not for anything about a deployment (``wiring``). The surprising thing: whether the answer is JSON is known before the
options are parsed, because a failure to parse them must be reported in the same form.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import typer

from lockage.interfaces.cli.logs import CommandLog
from lockage.interfaces.folders import Folders


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """One call of ``lockage``."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    folders: Folders
    log: CommandLog
    as_json: bool
    passed: tuple[str, ...] = ()  # what stands after "--": arguments of Helm's


def invocation_of(context: typer.Context) -> Invocation:
    """The call to which this command belongs."""
    invocation = context.find_object(Invocation)
    if invocation is None:
        raise TypeError("a command was called without an Invocation; start it through lockage.interfaces.cli.main.run")
    return invocation


def command_app() -> typer.Typer:
    """An empty app for one command's module: plain help, and no completion options of its own."""
    return typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)
