"""``lockage advisories``: what is known of jumps from one release to another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from lockage.core.release.advisories import Advisory, Detour, ExtraTime, ForbiddenOverlap, ManualStep
from lockage.core.release.advisory_files import AdvisoryFile
from lockage.core.release.check import AdvisoryCheck, AdvisoryList, ListedAdvisory, check_jump, line_in_words
from lockage.core.release.profile import Profile
from lockage.core.wording import duration
from lockage.errors import UsageError
from lockage.interfaces.advisories import advised, advisories_in, kept_advisories
from lockage.interfaces.cli.console import answers, say
from lockage.interfaces.cli.invocation import Invocation, command_app, invocation_of
from lockage.interfaces.cli.options import AdvisoryFiles, Json
from lockage.interfaces.cli.output import print_json
from lockage.interfaces.deployments import brought_profiles, profile_named

app = command_app()

ProfileName = Annotated[
    str | None,
    typer.Option("--profile", metavar="NAME|FILE", help="The application: a profile that Lockage brings, or a file."),
]


@app.callback()
def advisories() -> None:
    """Say what is known of a jump from one release to another."""


@app.command("list")
def list_advisories(
    context: typer.Context, *, profile: ProfileName = None, advisories: AdvisoryFiles = None, as_json: Json = False
) -> None:
    """List every advisory.

    The profiles' own, and yours: from advisories/*.toml in the configuration folder, and from FILE.
    """
    profiles = _profiles(invocation_of(context), profile, advisories or [])
    found = AdvisoryList(
        advisories=tuple(ListedAdvisory(profile=one.name, advisory=advisory) for one in profiles for advisory in one.advisories)
    )
    if as_json:
        print_json(found)
        return
    console = answers()
    if not found.advisories:
        say(console, "no advisory is known")
    for listed in found.advisories:
        _show(listed.advisory, console, of=listed.profile)


@app.command("check")
def check(
    context: typer.Context,
    from_release: Annotated[str, typer.Argument(metavar="FROM", help="The running release.")],
    to_release: Annotated[str, typer.Argument(metavar="TO", help="The release to go to.")],
    *,
    profile: ProfileName = None,
    advisories: AdvisoryFiles = None,
    as_json: Json = False,
) -> None:
    """Say what is known of one jump.

    Needs no deployment, and so asks none: lockage plan says what concerns yours. Exit code 0, whatever is known.
    """
    profiles = _profiles(invocation_of(context), profile, advisories or [])
    if len(profiles) != 1:
        raise UsageError(
            f"releases of which application? {', '.join(one.name for one in profiles)} are known",
            code="LK003",
            hint=f"lockage advisories check {from_release} {to_release} --profile NAME",
        )
    found = check_jump(profiles[0], from_release=from_release, to_release=to_release)
    if as_json:
        print_json(found)
    else:
        _show_check(found, profiles[0], answers())


def _profiles(invocation: Invocation, name: str | None, files: list[Path]) -> tuple[Profile, ...]:
    named = tuple(advisories_in(file) for file in files)
    chosen = (profile_named(name, here=Path.cwd()),) if name is not None else _of_files(named) or brought_profiles()
    kept = kept_advisories(invocation.folders)
    return tuple(advised(one, kept=kept, named=named) for one in chosen)


def _of_files(named: tuple[AdvisoryFile, ...]) -> tuple[Profile, ...]:
    """The profiles that named files are for: they say it themselves."""
    return tuple(profile_named(name, here=Path.cwd()) for name in dict.fromkeys(file.profile for file in named))


def _show_check(found: AdvisoryCheck, profile: Profile, console: Console) -> None:
    vendor = f"{found.vendor or 'the vendor'} ({found.contact})" if found.contact else found.vendor or "the vendor"
    via = f", by way of {', '.join(found.route[:-1])}" if len(found.route) > 1 else ""
    say(console, f"{profile.title} {found.from_release} to {found.to_release}{via}", style="bold")
    if not found.known:
        known = f"the newest one is of {found.newest}" if found.newest else "there are none at all"
        style = "yellow" if found.minors else None
        say(console, f"unknown jump: no advisory speaks of it, and {known}, which proves nothing; ask {vendor}", style=style)
    for advisory in found.advisories:
        _show(advisory, console)
    for sentence in line_in_words(profile, found.to_release):
        say(console, sentence, style="yellow")
    if profile.vendor.call_when:
        say(console, "")
        say(console, f"Call {vendor} when")
        for clause in profile.vendor.call_when:
            say(console, f"  - {clause}")
        say(console, f"and send {'; '.join(profile.vendor.send)}")


def _show(advisory: Advisory, console: Console, *, of: str | None = None) -> None:
    say(console, "")
    whose = f"{of} " if of else ""
    below = f" and below {advisory.to_below}" if advisory.to_below else ""
    since = f"{advisory.from_at_least} or later, " if advisory.from_at_least != "0.0.0" else ""
    say(console, f"{whose}{advisory.code}: {_kind(advisory)}", style="bold")
    say(console, f"  from {since}below {advisory.from_below} to {advisory.to_at_least} or later{below}")
    for line in _details(advisory):
        say(console, f"  {line}")
    say(console, f"  {advisory.reason}")
    say(console, f"  {advisory.date}, {advisory.source}", style="dim")


def _kind(advisory: Advisory) -> str:
    match advisory:
        case Detour(via=via):
            return f"go through {via} first"
        case ExtraTime():
            return "takes longer than most"
        case ManualStep():
            return "something to do by hand"
        case ForbiddenOverlap():
            return "old and new replicas must never overlap"


def _details(advisory: Advisory) -> list[str]:
    match advisory:
        case Detour(leave_when_text=text):
            return [f"leave it when {text}"] if text else []
        case ExtraTime(typical_s=typical_s, most_s=most_s, tables=tables):
            said = [f"typically {duration(typical_s)}"] if typical_s is not None else []
            said += [f"up to {duration(most_s)} are known"] if most_s is not None else []
            return [*said, *([f"depends on {', '.join(tables)}"] if tables else [])]
        case ManualStep(text=text):
            return [text]
        case ForbiddenOverlap(detect=detect, detect_text=text):
            return [f"where {text}"] if detect is not None and text else []
