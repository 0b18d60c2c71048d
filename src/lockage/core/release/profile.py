"""What Lockage knows of an application: how to find it, read its version, its migrations and its transaction model.

Not for facts about one deployment. The surprising thing: this is data written by people, so it is validated strictly (an
unknown key is an error that names file, key and what was expected); the records here are the shape of the TOML files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Literal

import msgspec

from lockage.core.release.advisories import Advisory, faults, is_version
from lockage.core.release.version import normalised
from lockage.errors import UsageError


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A TOML table: unknown keys are errors."""


class WorkloadProfile(_Table, frozen=True, kw_only=True):
    """How to recognise the workload and what its replicas are called in the database."""

    image: str  # image name without tag: "ghcr.io/coder/coder"
    application_name: str = "{replica}"  # of the replicas' sessions; ``{replica}`` stands for the replica's name
    labels: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    container: str | None = None  # of the pod; None: the one that runs the image
    # What else runs the same image is told apart by these two, of the pod's template:
    annotations: dict[str, str] = msgspec.field(default_factory=dict[str, str])  # where one is there, it must have this value
    without_args: tuple[str, ...] = ()  # a container with one of these arguments is something else: "wsproxy"


class ChartValues(_Table, frozen=True, kw_only=True):
    """What a chart calls the few values that an upgrade sets, by chart version; dotted paths, as ``--set`` has them."""

    from_chart: str = "0.0.0"
    below_chart: str | None = None
    replicas: str  # "coder.replicaCount"
    tag: str | None = None  # "coder.image.tag"; None: the chart's own version decides
    tag_format: str = "{release}"  # "v{release}"
    liveness: str | None = None  # "coder.livenessProbe"; None: the chart has no value for it
    # Fields of the probe that the chart passes on; any other stays as the chart has it.
    liveness_fields: tuple[Literal["initialDelaySeconds", "periodSeconds", "timeoutSeconds", "failureThreshold"], ...] = ()
    liveness_enabled: str | None = None  # "coder.livenessProbe.enabled"; None: the chart cannot switch it off


class HelmProfile(_Table, frozen=True, kw_only=True):
    """The application's Helm chart."""

    chart: str  # its name, as the label ``helm.sh/chart`` begins
    chart_version: str = "{release}"  # of the chart that brings a release …
    charts: dict[str, str] = msgspec.field(default_factory=dict[str, str])  # … but for these, which have numbers of their own
    also: tuple[str, ...] = ()  # other workloads that the same upgrade replaces: "Deployment …-portal"
    values: tuple[ChartValues, ...] = ()


class VersionProfile(_Table, frozen=True, kw_only=True):
    """Where the running version is shown."""

    buildinfo_path: str | None = None  # HTTP path that answers JSON
    buildinfo_field: str = "version"
    command: tuple[str, ...] = ()  # run inside a replica
    command_pattern: str = r"v?(\d+\.\d+\.\d+)"  # first group is the version


class DatabaseParts(_Table, frozen=True, kw_only=True):
    """Where each part of the address is: the name of a variable, or the path of a mounted file when it begins with ``/``."""

    host: str | None = None
    port: str | None = None
    user: str | None = None
    password: str | None = None
    database: str | None = None
    sslmode: str | None = None


class DatabaseProfile(_Table, frozen=True, kw_only=True):
    """Where the database address is in the replica's environment: the first of URL, file and parts that is there."""

    url_env: str | None = None  # the variable that holds a URL
    url_file: str | None = None  # the mounted file that holds one; ``$(NAME)`` stands for a variable's value
    parts: DatabaseParts | None = None  # or each part on its own
    defaults: dict[str, str] = msgspec.field(default_factory=dict[str, str])  # part to its value where it is said nowhere
    requires: dict[str, str] = msgspec.field(default_factory=dict[str, str])  # variables that, where set, must have this value
    # A program that prints the password, asked anew for each connection: ``{host}``, ``{port}``, ``{user}``, ``{database}``.
    password_command: tuple[str, ...] = ()
    password_command_when: dict[str, str] = msgspec.field(default_factory=dict[str, str])  # only with these variables so set


class MigrationsProfile(_Table, frozen=True, kw_only=True):
    """The migrations and how the application applies them."""

    format: Literal["golang-migrate", "plain"]
    source: str | None = None  # a folder, or "package:NAME/FOLDER" inside an installed Python package; None: not to be had
    transaction: Literal["whole", "file", "statement"]
    ledger: str  # schema.table
    advisory_lock: int | None = None  # key that the migrator holds while it migrates
    # Nothing but a replica ever takes that lock (no Job, no command): a holder older than every replica has a dead client.
    only_replicas: bool = False
    releases: dict[str, int] = msgspec.field(default_factory=dict[str, int])  # release to its last migration, where known
    complete: bool = True  # ``releases`` names every release there is, if any: another one is refused


class ServiceProfile(_Table, frozen=True, kw_only=True):
    """Requests that prove service; health is not service."""

    health_path: str = "/healthz"
    requests: tuple[ServiceRequest, ...] = ()


class ServiceRequest(_Table, frozen=True, kw_only=True):
    """One GET that proves service."""

    path: str
    status: int = 200
    contains: str = ""
    headers: dict[str, str] = msgspec.field(default_factory=dict[str, str])


class StatementsProfile(_Table, frozen=True, kw_only=True):
    """The statements of each release, to check the old release against the new schema."""

    source: str | None = None  # "package:NAME/FOLDER" or a folder; one ``RELEASE.sql`` a release
    inherit: bool = (
        False  # a file holds only what its release added, or replaced by the same ``-- name:``; older files count too
    )


class ReleaseLine(_Table, frozen=True, kw_only=True):
    """One line of the vendor's release calendar: a minor release with its patches."""

    line: str  # "2.29"
    released: str  # the day of its first release: YYYY-MM-DD
    newest: str | None = None  # newest patch that was known on ``as_of``
    status: Literal["mainline", "stable", "security", "extended", "unsupported"] | None = None  # None: nobody has said
    as_of: str  # the day on which that was so


class UsageProfile(_Table, frozen=True, kw_only=True):
    """How much the application is used, and when: read-only queries, from which windows are proposed.

    Moments are ``timestamptz``, numbers ``float8``. A half hour without a row of ``history`` is unknown, and never proposed:
    rows with zero people say that nobody worked.
    """

    history: str  # SQL giving (start_at, seconds, people) for stretches of the past weeks, those without anybody too
    history_text: str = ""  # what it counts, for people: "users with activity in template_usage_stats"
    jobs: str | None = None  # SQL giving (start_at, seconds, jobs): how many people began, scheduled ones left out
    schedules: str | None = None  # SQL giving (schedule, jobs): cron with an optional CRON_TZ=ZONE in front
    now: str | None = None  # SQL giving (people, jobs): at work and in progress at this moment


class ActivityProfile(_Table, frozen=True, kw_only=True):
    """What the application itself says of its replicas and of the work they do: read-only queries."""

    replicas: str | None = None  # SQL giving (name, version): replicas that have shown themselves lately
    jobs: str | None = None  # SQL giving (id, kind, state, since): work that an end of the replicas would interrupt
    jobs_text: str = ""  # what becomes of it, and what to do about that
    warn_users: str = ""  # how users can be warned


class VendorProfile(_Table, frozen=True, kw_only=True):
    """Whom to call, and when."""

    name: str = ""
    contact: str = ""
    typical_s: float = 420.0  # beyond this without lock contention an upgrade is unusual
    call_after_s: float = 900.0
    call_when: tuple[str, ...] = ()  # each a clause
    send: tuple[str, ...] = ()  # what is asked for then


class Profile(_Table, frozen=True, kw_only=True):
    """One application."""

    schema: Literal["lockage.profile/1"]
    name: str
    title: str
    workload: WorkloadProfile
    version: VersionProfile
    database: DatabaseProfile
    migrations: MigrationsProfile
    helm: HelmProfile | None = None
    service: ServiceProfile = msgspec.field(default_factory=ServiceProfile)
    statements: StatementsProfile = msgspec.field(default_factory=StatementsProfile)
    vendor: VendorProfile = msgspec.field(default_factory=VendorProfile)
    activity: ActivityProfile = msgspec.field(default_factory=ActivityProfile)
    usage: UsageProfile | None = None  # None: PostgreSQL's own statistics, sampled by Lockage
    max_kill_budget_s: float = 3600.0  # used when the forecast's high end is unknown
    advisories: tuple[Advisory, ...] = ()
    releases: tuple[ReleaseLine, ...] = ()

    @property
    def replicas_lock(self) -> int | None:
        """Key of the migration lock where only replicas ever hold it."""
        return self.migrations.advisory_lock if self.migrations.only_replicas else None

    @property
    def restricting(self) -> tuple[str, ...] | None:
        """The only releases that there are, as the profile says; None where it does not claim to name them all."""
        known = tuple(self.migrations.releases)
        return known if known and self.migrations.complete else None


def parse_profile(text: bytes, *, file: str) -> Profile:
    """The profile in a TOML document.

    Raises ``UsageError`` (LK201) naming file, key and the expected value.
    """
    try:
        profile = msgspec.toml.decode(text, type=Profile)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{file} is not a valid profile: {error}",
            code="LK201",
            hint="correct the file at that key",
        ) from error
    for key, expected in _faults(profile):
        raise UsageError(
            f"{file} is not a valid profile: {key}: expected {expected}",
            code="LK201",
            hint="correct the file at that key",
        )
    return profile


def _faults(profile: Profile) -> Iterator[tuple[str, str]]:
    """Each key whose value has the right type and makes no sense, with what was expected."""
    if profile.migrations.ledger.count(".") != 1:
        yield "migrations.ledger", f"SCHEMA.TABLE, got {profile.migrations.ledger!r}"
    yield from _database_faults(profile.database)
    yield from _pattern_faults(profile.version.command_pattern)
    yield from _release_faults(profile.migrations.releases)
    yield from faults(profile.advisories, known=profile.restricting)
    for index, line in enumerate(profile.releases):
        yield from _line_faults(f"releases[{index}]", line)


def _database_faults(database: DatabaseProfile) -> Iterator[tuple[str, str]]:
    parts = database.parts
    if not (database.url_env or database.url_file or parts):
        yield "database", "url_env, url_file or parts: where the replicas have the address from"
    for name in database.defaults:
        if name not in DatabaseParts.__struct_fields__:
            yield f"database.defaults.{name}", f"one of {', '.join(DatabaseParts.__struct_fields__)}"
    for needed in ("host", "user", "database"):
        if parts is not None and getattr(parts, needed) is None and needed not in database.defaults:
            yield f"database.parts.{needed}", "the variable that holds it, or a value in database.defaults"
    for index, word in enumerate(database.password_command):
        for placeholder in re.findall(r"\{(\w*)\}", word):
            if placeholder not in ("host", "port", "user", "database"):
                yield (
                    f"database.password_command[{index}]",
                    f"{{host}}, {{port}}, {{user}} or {{database}}, got {{{placeholder}}}",
                )


def _pattern_faults(pattern: str) -> Iterator[tuple[str, str]]:
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        yield "version.command_pattern", f"a regular expression, got {pattern!r} ({error})"
        return
    if groups < 1:
        yield "version.command_pattern", f"a regular expression whose first group is the version, got {pattern!r}"


def _release_faults(releases: dict[str, int]) -> Iterator[tuple[str, str]]:
    for release in releases:
        if not is_version(release) or release != normalised(release):
            yield f"migrations.releases.{release!r}", "a release version without v and build, such as 2.26.0"


def _line_faults(key: str, line: ReleaseLine) -> Iterator[tuple[str, str]]:
    if not is_version(f"{line.line}.0"):
        yield f"{key}.line", f"a minor release such as 2.29, got {line.line!r}"
    if line.newest is not None and not (is_version(line.newest) and line.newest.startswith(f"{line.line}.")):
        yield f"{key}.newest", f"a release of {line.line}, got {line.newest!r}"
    for name in ("released", "as_of"):
        try:
            date.fromisoformat(getattr(line, name))
        except ValueError:
            yield f"{key}.{name}", f"a day such as 2026-09-21, got {getattr(line, name)!r}"
