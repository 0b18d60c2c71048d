"""The command ``towpath``: server, migrate, seed, version, releases, statements.

Kept quick, since probes and surveys run ``towpath version``: what a subcommand needs is imported when it runs.
"""

# ruff: noqa: T201, PLC0415  # a command prints, and imports late on purpose

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import TYPE_CHECKING

from lockage.demo.towpath import log
from lockage.demo.towpath.errors import FatalError
from lockage.demo.towpath.releases import Release, release_named, releases
from lockage.demo.towpath.settings import settings_from, variables

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command, and return its exit code: 0 done, 1 failed, 2 wrong usage."""
    parsed = _parser().parse_args(arguments)
    try:
        return _run(parsed)
    except FatalError as failure:
        log.error(f"towpath {parsed.command} failed", error=failure)
        print(f'Encountered an error running "towpath {parsed.command}"\nerror: {failure}', file=sys.stderr, flush=True)
        return failure.exit_code


def _run(parsed: argparse.Namespace) -> int:
    release = release_named(parsed.release or os.environ.get("TOWPATH_RELEASE") or releases()[-1].version)
    match parsed.command:
        case "server":
            from lockage.demo.towpath import server

            return server.run(settings_from(os.environ), release)
        case "migrate":
            _migrate(release)
        case "seed":
            from lockage.demo.towpath.seed import seed

            settings = settings_from(os.environ)
            seed(settings.pg_connection_url, rows=parsed.rows, live_ratio=parsed.live_ratio)
        case "releases":
            _print_releases(as_json=parsed.json)
        case "statements":
            _print_statements(release, as_json=parsed.json)
        case _:
            _print_version(release, as_json=parsed.output == "json")
    return 0


def _parser() -> argparse.ArgumentParser:
    # argparse, and not typer as for Lockage itself: it starts ten times as fast.
    parser = argparse.ArgumentParser(prog="towpath", description="A small control plane to practise upgrades on.")
    parser.add_argument("--release", help="which release to be (default: TOWPATH_RELEASE, else the newest)")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    server = _add(commands, "server", "migrate the database and serve")
    migrate = _add(commands, "migrate", "migrate the database, and no more")
    server.epilog = migrate.epilog = "Environment (* required): " + ", ".join(variables())
    seed = _add(commands, "seed", "fill a database that is migrated to 2.26.0")
    seed.add_argument("--rows", type=int, default=600_000, help="API keys to create (default: %(default)s)")
    seed.add_argument("--live-ratio", type=float, default=0.1, help="share that has not expired (default: %(default)s)")
    version = _add(commands, "version", "print the version")
    version.add_argument("-o", "--output", choices=("text", "json"), default="text")
    for name, purpose in (
        ("releases", "print every release with its newest migration"),
        ("statements", "print what the release asks of its database"),
    ):
        _add(commands, name, purpose).add_argument("--json", action="store_true", help="as JSON")
    return parser


def _add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],  # pyright: ignore[reportPrivateUsage]  # no public name
    name: str,
    purpose: str,
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=purpose, description=purpose)
    # After the command as well as before it; absent here must not undo what stood before.
    command.add_argument("--release", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    return command


def _migrate(release: Release) -> None:
    from lockage.demo.towpath.migrator import migrate

    settings = settings_from(os.environ)
    migrate(
        settings.pg_connection_url,
        release=release,
        application_name=settings.application_name,
        connect_timeout_s=settings.connect_timeout_s,
    )


def _print_releases(*, as_json: bool) -> None:
    newest = {release.version: release.last_migration for release in releases()}
    if as_json:
        print(json.dumps(newest))
        return
    for version, migration in newest.items():
        print(f"{version}  {migration:06d}")


def _print_statements(release: Release, *, as_json: bool) -> None:
    from lockage.demo.towpath.statements import printed, statements_of

    statements = statements_of(release)
    sys.stdout.write(json.dumps(dict(statements), indent=2) + "\n" if as_json else printed(statements))


def _print_version(release: Release, *, as_json: bool) -> None:
    external_url = f"https://towpath.example/releases/{release.tag}"
    if as_json:
        built = {"version": release.tag, "build_time": release.built_at, "external_url": external_url}
        print(json.dumps(built))
        return
    print(f"towpath {release.tag} {release.built_at}\n{external_url}")
