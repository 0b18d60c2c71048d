"""The ``lockage`` command: finds the subcommand, runs it, and ends with the exit code of what came of it.

Not for any work. The surprising thing: the module of a command is imported only when that command is asked for, so that
``lockage --help`` answers at once; the table below says the commands' first sentences a second time for that reason, and a
test keeps the two alike.
"""

from __future__ import annotations

import importlib
import io
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from itertools import pairwise
from typing import Annotated, Any

import typer
import typer.main
from typer.core import TyperGroup

from lockage.errors import LockageError, UsageError
from lockage.interfaces.cli import failures
from lockage.interfaces.cli.invocation import Invocation
from lockage.interfaces.cli.logs import new_log
from lockage.interfaces.folders import find_folders

COMMANDS: Mapping[str, str] = {
    "survey": "Look at a deployment and its database; change nothing.",
    "forecast": "Say what migrations will lock, for whom and for how long.",
    "plan": "Plan an upgrade: route, strategy, steps and their undoing.",
    "window": "Propose windows in which the fewest people work, from usage.",
    "upgrade": "Carry out an upgrade, or go on with one that stopped.",
    "watch": "Watch an upgrade: a run of Lockage, or what a person, GitOps or CI carries out.",
    "diagnose": "Say what is wrong with a deployment, why, how sure that is, and what to type next.",
    "bundle": "Collect all that the vendor will ask for, without a secret in it, also when the application is down.",
    "recover": "Get out of whatever is broken, by the least force that serves.",
    "verify": "Check version, ledger, health, service and schema of a deployment.",
    "releases": "List an application's releases, and which of them fit a schema.",
    "advisories": "Say what is known of a jump from one release to another.",
    "runs": "List the runs that this machine knows of, or show one.",
    "rbac": "Print the rights that Lockage needs, the narrowest that there are.",
    "local": "Scale or roll out a deployment of the local platform by hand.",
    "demo": "Upgrade a real application, the usual way and with Lockage.",
    "profile": "Write a profile from a deployment that runs, or check one.",
    "explain": "Say what an error code, a cause that a diagnosis names, or a hazard means.",
    "version": "Print the version of Lockage.",
}

PASSING = ("plan", "upgrade", "recover", "rbac", "watch")
"""Commands that hand on what stands after ``--`` to Helm."""


class LateCommands(TyperGroup):
    """A group that knows its commands by name and imports one only to run it."""

    # Typer keeps the types of its Click to itself, hence Any.
    def list_commands(self, ctx: Any) -> list[str]:
        """The names, in the order in which a person needs them."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command, imported now; None when there is none of that name."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"lockage.interfaces.cli.commands.{cmd_name}")
        command = typer.main.get_command(module.app)
        command.name = cmd_name
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The list of commands in the help text, from the table alone."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


app = typer.Typer(
    name="lockage",
    cls=LateCommands,
    rich_markup_mode=None,  # plain help: half the start-up time, and nothing is lost in a pipe
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415 - late: 20 ms that other commands need not pay

        typer.echo(f"lockage {version('lockage')}")
        raise typer.Exit


@app.callback()
def lockage(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Take a running application from one release to the next, through its database locks.

    Lockage looks (survey), says beforehand how long whom a release's migrations will block (forecast), plans, upgrades,
    and proves the result (verify). Start with: lockage demo

    Exit codes: 0 done, 1 defect, 2 usage, 3 refused and nothing changed, 4 halted part-way, 5 findings.
    """


def run(arguments: Sequence[str], *, environment: Mapping[str, str]) -> int:
    """The exit code of ``lockage ARGUMENTS``; the answer is on standard output, everything else on standard error."""
    arguments, passed = _split(tuple(arguments) or ("--help",))
    folders = find_folders(environment)
    command = arguments[0] if arguments[0] in COMMANDS else "lockage"
    log = new_log(folders.logs, command=command)
    as_json = "--json" in arguments or "--output=json" in arguments or ("--output", "json") in pairwise(arguments)
    invocation = Invocation(
        arguments=arguments, environment=environment, folders=folders, log=log, as_json=as_json, passed=passed
    )
    return ending(invocation, _outcome)


def _split(arguments: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is ours and what stands after the first ``--``, which no command of ours needs for itself."""
    if "--" not in arguments:
        return arguments, ()
    end = arguments.index("--")
    return arguments[:end], arguments[end + 1 :]


def ending(invocation: Invocation, work: Callable[[Invocation], int]) -> int:
    """The exit code that ``work`` gives, or that of its failure, which is told and logged."""
    log, as_json = invocation.log, invocation.as_json
    try:
        return work(invocation)
    except LockageError as error:
        if not isinstance(error, UsageError):  # a slip of the keyboard leaves no file
            log.write("failed", code=error.code, message=error.message, hint=error.hint, exit_code=error.exit_code)
        failures.tell(failures.of_error(error), as_json=as_json)
        return error.exit_code
    except Exception as error:
        log.write("defect", arguments=invocation.arguments, exc_info=error)
        if invocation.environment.get(failures.DEBUG_VARIABLE):
            raise
        failures.tell(failures.of_defect(error, log=log.path if log.path.exists() else None), as_json=as_json)
        return failures.DEFECT_EXIT
    finally:
        log.close()


def _outcome(invocation: Invocation) -> int:
    if invocation.passed and not set(invocation.arguments[:1]) & set(PASSING):
        raise UsageError(
            f"nothing is expected after --, and there is {' '.join(invocation.passed)}",
            code="LK001",
            hint=f"arguments of Helm's own are for: {', '.join(PASSING)}",
        )
    command = typer.main.get_command(app)
    try:
        code = command.main(args=list(invocation.arguments), prog_name="lockage", standalone_mode=False, obj=invocation)
        sys.stdout.flush()
    except typer.TyperException as error:
        raise _usage_error(error) from error
    except typer.Abort:
        code = failures.INTERRUPTED_EXIT
    except (SystemExit, BrokenPipeError):
        # Typer's own answer to a reader that went away is SystemExit; nothing else raises it here.
        _forget_stdout()
        return failures.BROKEN_PIPE_EXIT
    if code == failures.INTERRUPTED_EXIT:
        print("interrupted", file=sys.stderr)  # noqa: T201 - nothing else was said, and a prompt on the next line says less
    return code if isinstance(code, int) else 0


def _usage_error(error: typer.TyperException) -> UsageError:
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "lockage"
    message = error.format_message().rstrip(".").replace("Value error, ", "")
    close = get_close_matches(message.rpartition(" ")[2].strip("'"), COMMANDS, n=1)
    if message.startswith("No such command") and close:
        return UsageError(message, code="LK001", hint=f"lockage {close[0]}")
    return UsageError(message, code="LK001", hint=f"{path} --help")


def _forget_stdout() -> None:
    # The interpreter flushes standard output once more at its end, and would complain.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def main() -> None:
    """Entry point of the ``lockage`` program."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A name that the terminal's encoding lacks, or a file's that is none, must not end the answer in its middle.
            stream.reconfigure(errors="replace")
    sys.exit(run(sys.argv[1:], environment=os.environ))


if __name__ == "__main__":
    main()
