"""Look at a deployment and its database, changing nothing: the facts that everything else stands on.

Not for judging (``forecast``, ``diagnose``). The surprising thing: only the platform and the database themselves can make a
survey fail. Whatever else does not answer becomes one sentence among the problems, because the survey of a sick deployment is
the one that is needed most.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import msgspec

from lockage.core.facts import (
    Activity,
    DatabaseServer,
    LedgerReading,
    LedgerState,
    OwnedSession,
    Replica,
    ReplicaPhase,
    Survey,
    VersionReading,
    VersionSource,
    Workload,
)
from lockage.core.release.profile import Profile
from lockage.core.release.version import normalised
from lockage.core.sessions import confirmed, owned_sessions
from lockage.core.wording import counted
from lockage.errors import LockageError, UsageError
from lockage.ports import Clock, Database, Platform, Service
from lockage.settings import Settings

T = TypeVar("T")


def survey(
    *,
    deployment: str,
    profile: Profile,
    platform: Platform,
    database: Database,
    service: Service,
    clock: Clock,
    settings: Settings,
) -> Survey:
    """Everything that can be seen of a deployment now.

    Raises ``UnreachableError`` or ``RefusedError`` when the platform or the database does not let us in at all.
    """
    at, problems = clock.now(), list[str]()
    workload, server = platform.workload(), database.server()
    replicas, sessions = see_sessions(profile=profile, workload=workload, platform=platform, database=database)
    versions = read_versions(profile=profile, platform=platform, service=service, replicas=replicas, settings=settings)
    ledger = _try(lambda: database.ledger(profile), problems) or _unreadable(profile)
    relations = _try(database.relations, problems) or ()
    events = _try(platform.events, problems) or ()
    contenders = _try(platform.contenders, problems) or ()
    release = agreed_release(versions)
    return Survey(
        at=at,
        deployment=deployment,
        profile=profile.name,
        workload=workload,
        replicas=replicas,
        versions=versions,
        release=release,
        kill_budget_s=workload.kill_budget_s,
        database=server,
        ledger=ledger,
        sessions=sessions,
        relations=relations,
        events=events,
        contenders=contenders,
        problems=(*problems, *_problems(versions, ledger, server, sessions, release)),
    )


def _unreadable(profile: Profile) -> LedgerReading:
    return LedgerReading(table=profile.migrations.ledger, state=LedgerState.UNREADABLE, problem="the ledger could not be read")


def see_sessions(
    *, profile: Profile, workload: Workload, platform: Platform, database: Database
) -> tuple[tuple[Replica, ...], tuple[OwnedSession, ...]]:
    """The replicas, and all sessions with their owners; an orphan in it is proved to be one.

    The replicas are read between two readings of the sessions: a backend that is in both, with no client among the replicas in
    between, has none.
    """
    before = database.activity()
    replicas = platform.replicas()
    after = database.activity()
    return replicas, judged_sessions(profile, workload, replicas, before=before, after=after)


def judged_sessions(
    profile: Profile,
    workload: Workload,
    replicas: Sequence[Replica],
    *,
    before: Activity,
    after: Activity,
    role: str | None = None,
) -> tuple[OwnedSession, ...]:
    """The sessions of the later look with their owners; the replicas were read between the two.

    ``role`` is the application's own, where nobody knows what its sessions are called.
    """
    first, second = (
        owned_sessions(
            look.sessions,
            replicas,
            pattern=profile.workload.application_name,
            workload=workload.name,
            migration_lock=profile.replicas_lock,
            role=role,
            ahead_s=look.ahead_s,
        )
        for look in (before, after)
    )
    return confirmed(first, second)


def read_versions(
    *, profile: Profile, platform: Platform, service: Service, replicas: Iterable[Replica], settings: Settings
) -> tuple[VersionReading, ...]:
    """What each source says: the image of each replica, buildinfo of each ready one, the version command in each that runs.

    Versions are normalised; what is no version is a problem of its reading.
    """
    readings: list[VersionReading] = []
    for replica in replicas:
        readings.append(_reading(VersionSource.IMAGE, replica.name, replica.release, None))
        if replica.ready and profile.version.buildinfo_path is not None:
            readings.append(_buildinfo(profile, platform, service, replica, settings))
        if replica.phase is ReplicaPhase.RUNNING and profile.version.command:
            readings.append(_command(platform, replica))
    return tuple(readings)


def agreed_release(versions: Sequence[VersionReading]) -> str | None:
    """The one release that all sources that answered agree on; None when they do not, or when none answered."""
    said = {reading.version for reading in versions if reading.version is not None}
    return said.pop() if len(said) == 1 else None


def text_field(body: str, name: str) -> str | None:
    """The text under a name in a JSON object; None when the body is not JSON, no object, or has no such text."""
    try:
        found = msgspec.json.decode(body, type=dict[str, object])
    except msgspec.MsgspecError:
        return None
    value = found.get(name)
    return value if isinstance(value, str) else None


def _buildinfo(profile: Profile, platform: Platform, service: Service, replica: Replica, settings: Settings) -> VersionReading:
    try:
        url = platform.replica_url(replica.name) + (profile.version.buildinfo_path or "")
    except LockageError as error:
        return _reading(VersionSource.BUILDINFO, replica.name, None, error.message)
    answer = service.get(url, headers={}, timeout_s=settings.watching.answer_timeout_s)
    if answer.status != 200:
        return _reading(VersionSource.BUILDINFO, replica.name, None, answer.problem or f"{url} answers {answer.status}")
    field = profile.version.buildinfo_field
    shown = text_field(answer.body, field)
    problem = None if shown is not None else f"{url} answers without the field {field!r}"
    return _reading(VersionSource.BUILDINFO, replica.name, shown, problem)


def _command(platform: Platform, replica: Replica) -> VersionReading:
    try:
        reading = platform.command_version(replica.name)
    except LockageError as error:
        return _reading(VersionSource.COMMAND, replica.name, None, error.message)
    return _reading(VersionSource.COMMAND, reading.where, reading.version, reading.problem)


def _reading(source: VersionSource, where: str, version: str | None, problem: str | None) -> VersionReading:
    if version is None:
        return VersionReading(source=source, where=where, version=None, problem=problem or "no version was found")
    try:
        return VersionReading(source=source, where=where, version=_release_of(version), problem=problem)
    except UsageError as error:
        return VersionReading(source=source, where=where, version=None, problem=error.message)


def _release_of(version: str) -> str:
    # Images and programs built between releases call themselves "2.26.0-devel+sha": to us that is 2.26.0, as their schema is.
    return normalised(re.sub(r"-devel\b.*", "", version.strip()))


def _try(look: Callable[[], T], problems: list[str]) -> T | None:
    try:
        return look()
    except LockageError as error:
        problems.append(f"{error.message}.")
        return None


def _problems(
    versions: Sequence[VersionReading],
    ledger: LedgerReading,
    server: DatabaseServer,
    sessions: Sequence[OwnedSession],
    release: str | None,
) -> list[str]:
    said = [f"The version by {v.source} of {v.where} was not read: {v.problem}." for v in versions if v.version is None]
    if release is None:
        said.append(_disagreement(versions))
    if ledger.problem is not None:
        said.append(f"The ledger {ledger.table} was not read: {ledger.problem}.")
    others = sum(1 for o in sessions if o.session.user != server.user)
    if not server.can_see_others and others:
        said.append(
            f"Role {server.user} sees neither state nor query nor address of {counted(others, 'session')} of other roles: "
            "grant it pg_read_all_stats."
        )
    if not server.can_signal:
        said.append(f"Role {server.user} cannot end sessions of other roles: grant it pg_signal_backend.")
    return said


def _disagreement(versions: Sequence[VersionReading]) -> str:
    said = sorted({(v.version, v.source.value) for v in versions if v.version is not None})
    if not said:
        return "No source gave the running version."
    return "The sources do not agree on the running version: " + ", ".join(f"{v} by {s}" for v, s in said) + "."
