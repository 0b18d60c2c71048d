"""Windows for a deployment with everything joined: usage, freezes, length, calendar file.

Not for showing. The surprising thing: the time zone is part of the question. It is the one that was named, else this machine's
own; a server in UTC proposes windows that are quiet in UTC's weeks, so the answer always says whose week it is.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from lockage.core.plan.calendar_text import entries_of
from lockage.core.plan.window import Freeze
from lockage.core.plan.window_report import WindowReport
from lockage.core.wording import counted
from lockage.errors import RefusedError, UsageError
from lockage.flows.usage import UsageHistory, read_usage, sample_load, usage_from_load
from lockage.flows.world import World
from lockage.interfaces.deployments import unwritable
from lockage.interfaces.folders import Folders
from lockage.interfaces.wiring import calendar_of, freezes_in, load_query, load_samples
from lockage.ports import Narrate

LOCAL_TIME = Path("/etc/localtime")
"""A link to the machine's time zone in the zone database. Source: localtime(5)."""


def zone_named(name: str | None, *, environment: Mapping[str, str]) -> ZoneInfo:
    """The time zone of that name; without one this machine's own, and UTC where it does not say.

    Raises ``UsageError`` (LK545) for a name that nobody knows.
    """
    if name is None:
        return _own_zone(environment)
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UsageError(f"no time zone is called {name}", code="LK545", hint="--time-zone Europe/Berlin") from error


def _own_zone(environment: Mapping[str, str]) -> ZoneInfo:
    link = os.path.realpath(LOCAL_TIME).partition("/zoneinfo/")[2]
    for name in (environment.get("TZ", "").lstrip(":"), link):
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            continue
    return ZoneInfo("UTC")


def usage_of(world: World, folders: Folders, *, narrate: Narrate) -> UsageHistory:
    """What is known of the deployment's usage: by its profile's queries, else from the samples on this machine.

    Raises what the query for the history raises, unless there are samples.
    """
    samples = load_samples(folders, world.deployment).read()
    of_load = usage_from_load(samples, settings=world.settings.windows)
    if world.profile.usage is None:
        return of_load
    try:
        by_profile = read_usage(world.profile.usage, world.database.ask, narrate=narrate)
    except RefusedError as error:
        if not samples:
            raise
        return replace(of_load, notes=(f"the profile's history of usage could not be read: {error.message}",))
    if by_profile.samples or not samples:
        return by_profile
    return replace(of_load, notes=(f"nothing is in the profile's history of usage ({by_profile.source})",))


def take_sample(world: World, folders: Folders) -> str:
    """A sentence about the sample of the database's load that was taken and kept."""
    sample = sample_load(world.database.ask, load_query())
    count = load_samples(folders, world.deployment).add(sample, keep_days=world.settings.windows.sample_keep_days)
    return (
        f"sample {count} of {world.deployment}: {counted(sample.transactions, 'transaction')} since the counters began, "
        f"{counted(sample.sessions, 'session')} active in the last minute"
    )


def freezes_of(files: Sequence[Path], *, world: World, days: int, zone: ZoneInfo) -> tuple[Freeze, ...]:
    """The events of all calendar files within the next days. Raises ``UsageError`` (LK546) as ``read_freezes`` does."""
    now = world.clock.now()
    found = {f for file in files for f in freezes_in(file, begin=now, end=now + timedelta(days=days), zone=zone)}
    return tuple(sorted(found, key=lambda freeze: (freeze.begin, freeze.end, freeze.text)))


def write_windows(file: Path, report: WindowReport) -> None:
    """Write the proposed windows as iCalendar. Raises ``RefusedError`` (LK008) when that cannot be done."""
    try:
        file.write_bytes(calendar_of(entries_of(report), now=report.at))
    except OSError as error:
        raise unwritable(file, error) from error
