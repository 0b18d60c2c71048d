"""A first profile of an application, written from what was seen of one deployment of it.

Not for reading a profile (``profile``), and never for secrets: of a variable it knows the name, and what kind of thing its
value is. The surprising thing: it is meant to be read and corrected by a person, so that what could not be seen stands in it as
a comment that says what to look for.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, cast

from lockage.core.release.profile import ChartValues, DatabaseParts, DatabaseProfile

_URL: Final = re.compile(r"\s*(?:jdbc:)?(?:postgres|postgresql|psql|pgsql|postgis)(?:\+\w+)?://", re.IGNORECASE)

_PARTS: Final = {
    "host": ("HOST", "HOSTNAME", "SERVER", "ADDRESS"),
    "port": ("PORT",),
    "user": ("USER", "USERNAME"),
    "password": ("PASSWORD", "PASS", "PASSWD"),
    "database": ("DATABASE", "DBNAME", "DB", "NAME"),
    "sslmode": ("SSLMODE", "SSL_MODE"),
}
_POSTGRES: Final = ("POSTGRES", "PG", "SQL", "DATABASE", "DB")
"""What the names of variables for a database begin with or hold, the more telling first."""

PROBE_FIELDS: Final = ("initialDelaySeconds", "periodSeconds", "timeoutSeconds", "failureThreshold")


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerSeen:
    """A table that looks like a ledger."""

    table: str  # schema.table
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What was seen of a deployment."""

    name: str
    workload: str
    namespace: str
    image: str  # repository, without tag
    release: str
    container: str
    containers: int
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    args: tuple[str, ...] = ()
    health_path: str | None = None  # of the readiness probe, else of the liveness probe
    database: DatabaseProfile | None = None  # None: no variable looks like an address of PostgreSQL
    application_names: tuple[str, ...] = ()  # of the replicas' sessions, with {replica} where a replica's name stood
    ledgers: tuple[LedgerSeen, ...] = ()
    chart: str | None = None  # name of the Helm chart
    chart_version: str | None = None
    values: ChartValues | None = None
    problems: tuple[str, ...] = ()  # what could not be seen, one sentence each


def database_in(variables: Mapping[str, str]) -> DatabaseProfile | None:
    """Where a container's variables (name to value) have the address of a PostgreSQL; None when none looks like it."""
    urls = [name for name, value in variables.items() if _URL.match(value)]
    if urls:
        return DatabaseProfile(url_env=min(urls, key=_telling))
    best: dict[str, str] = {}
    for prefix in sorted({name[: name.rindex(word)] for name in variables for word in _PARTS["host"] if name.endswith(word)}):
        parts = {part: found for part, words in _PARTS.items() if (found := _with_prefix(prefix, words, variables))}
        if {"host", "user"} <= parts.keys() and any(sign in prefix for sign in _POSTGRES):
            best = max(best, parts, key=lambda one: (len(one), -_telling(one["host"])[0]) if one else (0, 0))
    if not best:
        return None
    defaults = {} if "database" in best else {"database": "postgres"}
    return DatabaseProfile(parts=DatabaseParts(**best), defaults=defaults)


def chart_values_in(values: Mapping[str, object], *, image: str, release: str, replicas: int) -> ChartValues | None:
    """What a chart calls replicas, tag and liveness probe, from all of its values; None where nothing is a number of replicas.

    Where several could be meant, those near the image that the workload runs.
    """
    paths = dict(_walked(values))
    near = _places_of(image, paths)
    numbers = [path for path, value in paths.items() if path[-1] in ("replicaCount", "replicas") and isinstance(value, int)]
    if not numbers:
        return None
    chosen = min(numbers, key=lambda path: (-_shared(path, near), paths[path] != replicas, len(path)))
    tags = [path for path in paths if path[-1] == "tag" and paths[path] != {}]
    tag = min(tags, key=lambda path: (-_shared(path, near), -_shared(path, [chosen]), len(path)), default=None)
    probes = [path for path, value in paths.items() if path[-1] == "livenessProbe" and isinstance(value, dict)]
    probe = min(probes, key=lambda path: (-_shared(path, [chosen]), -_shared(path, near), len(path)), default=None)
    of_probe = cast("dict[str, object]", paths[probe]) if probe is not None else {}
    return ChartValues(
        replicas=".".join(chosen),
        tag=".".join(tag) if tag is not None else None,
        tag_format="v{release}" if tag is not None and str(paths[tag]).startswith(f"v{release}") else "{release}",
        liveness=".".join(probe) if probe is not None else None,
        liveness_fields=tuple(name for name in PROBE_FIELDS if name in of_probe),
        liveness_enabled=".".join((*probe, "enabled")) if probe is not None and "enabled" in of_probe else None,
    )


def profile_text(seen: Seen) -> str:
    """The profile as TOML with a comment at everything that a person must check. Never holds a value of a variable."""
    return "\n".join(
        [*_head(seen), *_workload(seen), *_helm(seen), *_version(seen), *_database(seen), *_migrations(seen), *_rest(seen)]
    )


def _head(seen: Seen) -> Iterator[str]:
    where = f"Deployment/{seen.workload} in namespace {seen.namespace}"
    yield f"# A profile for {_one_line(seen.name)}, written by lockage profile init from {where}."
    yield "# Read it: what says CHECK was guessed, or could not be seen. Then: lockage profile check FILE"
    for problem in seen.problems:
        yield f"# Not seen: {_one_line(problem)}"
    yield 'schema = "lockage.profile/1"'
    yield f"name = {_quoted(seen.name)}"
    yield f"title = {_quoted(seen.name)}"


def _workload(seen: Seen) -> Iterator[str]:
    yield ""
    yield "[workload]"
    yield f"image = {_quoted(seen.image)}"
    if seen.labels:
        pairs = ", ".join(f"{_quoted(name)} = {_quoted(value)}" for name, value in seen.labels.items())
        yield f"labels = {{ {pairs} }} # CHECK: of every deployment of this application, not of this one only"
    if seen.containers > 1:
        yield f"container = {_quoted(seen.container)}"
    if len(seen.application_names) == 1:
        yield f"application_name = {_quoted(seen.application_names[0])} # of its sessions in PostgreSQL"
    else:
        names = ", ".join(seen.application_names) or "none was seen"
        names = _one_line(", ".join(seen.application_names) or "none was seen")
        yield f'application_name = "" # CHECK: of its sessions in PostgreSQL, such as "x/{{replica}}"; seen: {names}'
    if words := _words(seen.args):
        yield f"# CHECK: its first arguments are: {words}. If something else runs the same image with others:"
        yield '# without_args = ["worker"]'


def _words(args: Sequence[str]) -> str:
    """The arguments before the first that is more than a word: an option may hold a secret."""
    plain = itertools.takewhile(re.compile(r"[a-z][a-z-]*").fullmatch, args)
    return " ".join(plain)


def _helm(seen: Seen) -> Iterator[str]:
    if seen.chart is None:
        return
    yield ""
    yield "[helm]"
    yield f"chart = {_quoted(seen.chart)}"
    same = seen.chart_version is not None and seen.chart_version.removeprefix("v").startswith(seen.release)
    why = "" if same else f" # CHECK: release {seen.release} came with chart {seen.chart_version or 'of an unknown version'}"
    yield f'chart_version = "{{release}}"{why}'
    if seen.values is None:
        yield "# CHECK: what the chart calls its number of replicas, its image tag and its liveness probe:"
        yield "# [[helm.values]]"
        yield '# replicas = "replicaCount"'
        return
    values = seen.values
    yield ""
    yield "[[helm.values]] # CHECK: one table a shape of the chart, with from_chart and below_chart"
    yield f"replicas = {_quoted(values.replicas)}"
    if values.tag is not None:
        yield f"tag = {_quoted(values.tag)}"
        yield f"tag_format = {_quoted(values.tag_format)}"
    if values.liveness is None:
        yield "# CHECK: no value for a liveness probe was found"
        return
    yield f"liveness = {_quoted(values.liveness)}"
    yield f"liveness_fields = {_list(values.liveness_fields)} # CHECK: every field that the chart passes on"
    if values.liveness_enabled is not None:
        yield f"liveness_enabled = {_quoted(values.liveness_enabled)}"


def _version(seen: Seen) -> Iterator[str]:
    yield ""
    yield f"[version] # CHECK: where the running version is shown, besides the image; now it is {_one_line(seen.release)}"
    yield '# buildinfo_path = "/api/version" # answers JSON without a login'
    yield '# command = ["/app", "version"]'


def _database(seen: Seen) -> Iterator[str]:
    yield ""
    yield "[database]"
    database = seen.database
    if database is None:
        yield "# CHECK: no variable holds an address of PostgreSQL. Name the variable, the mounted file, or one for each part:"
        yield 'url_env = "DATABASE_URL"'
        yield '# url_file = "/run/secrets/database/url"'
        return
    if database.url_env is not None:
        yield f"url_env = {_quoted(database.url_env)}"
    if database.parts is not None:
        names = {name: cast("str | None", getattr(database.parts, name)) for name in DatabaseParts.__struct_fields__}
        pairs = ", ".join(f"{name} = {_quoted(variable)}" for name, variable in names.items() if variable)
        yield f"parts = {{ {pairs} }} # CHECK: variables, chosen by their names"
    if database.defaults:
        pairs = ", ".join(f"{name} = {_quoted(value)}" for name, value in database.defaults.items())
        yield f"defaults = {{ {pairs} }} # CHECK: no variable says it"


def _migrations(seen: Seen) -> Iterator[str]:
    yield ""
    yield "[migrations]"
    likely = min(seen.ledgers, key=lambda ledger: (_shape(ledger) is None, ledger.table), default=None)
    if likely is None:
        yield "# CHECK: no table looks like a ledger of migrations"
    for ledger in seen.ledgers:
        if ledger is not likely:
            yield f"# CHECK: {ledger.table} looks like a ledger too"
    shape = _shape(likely) if likely is not None else None
    yield f"ledger = {_quoted(likely.table if likely is not None else 'public.schema_migrations')}"
    if shape is not None:
        yield f"# It has the shape of {shape[0]}."
    yield f"format = {_quoted(shape[1] if shape else 'plain')} # CHECK: golang-migrate or plain"
    yield 'transaction = "file" # CHECK: whole (all pending ones in one transaction), file or statement'
    yield "# advisory_lock = 0 # CHECK: the key that the migrator holds, from its source or pg_locks"
    yield '# source = "migrations" # CHECK: the folder of migrations, to have them forecast'
    yield "complete = false # no release's last migration is known:"
    yield "# [migrations.releases]"
    yield f"# {_quoted(seen.release)} = 1"


def _rest(seen: Seen) -> Iterator[str]:
    yield ""
    yield "[service]"
    if seen.health_path is not None:
        yield f"health_path = {_quoted(seen.health_path)} # of its probe; health is not service:"
    else:
        yield '# CHECK: health_path = "/healthz"'
    yield "# CHECK: requests that prove service, such as one that needs the database"
    yield "# [[service.requests]]"
    yield '# path = "/"'
    yield '# contains = ""'
    yield ""
    yield "[vendor] # CHECK: whom to call, and when"
    yield '# contact = ""'
    yield ""


def _telling(name: str) -> tuple[int, int]:
    upper = name.upper()
    return next((rank for rank, sign in enumerate(_POSTGRES) if sign in upper), len(_POSTGRES)), len(name)


def _with_prefix(prefix: str, words: Sequence[str], variables: Mapping[str, str]) -> str | None:
    return next((f"{prefix}{word}" for word in words if f"{prefix}{word}" in variables), None)


def _walked(values: Mapping[str, object], before: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    for name, value in values.items():
        if "." in name:  # no dotted path leads there
            continue
        path = (*before, name)
        yield path, value
        if isinstance(value, dict):
            yield from _walked(cast("dict[str, object]", value), path)


def _places_of(image: str, paths: Mapping[tuple[str, ...], object]) -> list[tuple[str, ...]]:
    """Paths of the values that name the image's repository."""
    last = image.rpartition("/")[2]
    names = ("repo", "repository", "image", "name")
    return [path for path, value in paths.items() if path[-1] in names and isinstance(value, str) and value.endswith(last)]


def _shared(path: tuple[str, ...], others: Sequence[tuple[str, ...]]) -> int:
    """How many steps it has in common with the nearest of the others."""

    def common(other: tuple[str, ...]) -> int:
        return next((n for n, (a, b) in enumerate(zip(path, other, strict=False)) if a != b), min(len(path), len(other)))

    return max(map(common, others), default=0)


def _shape(ledger: LedgerSeen) -> tuple[str, str] | None:
    """Whose ledger it is, and its format here; None when its columns are nobody's that we know."""
    columns, name = set(ledger.columns), ledger.table.rpartition(".")[2]
    shapes = {
        "golang-migrate": ({"version", "dirty"}, "golang-migrate"),
        "Alembic": ({"version_num"}, "plain"),
        "Django": ({"app", "name", "applied"}, "plain"),
        "goose": ({"version_id", "is_applied"}, "plain"),
        "Flyway": ({"installed_rank", "script", "checksum"}, "plain"),
        "Liquibase": ({"filename", "md5sum", "exectype"}, "plain"),
        "Prisma": ({"migration_name", "applied_steps_count"}, "plain"),
        "sqlx": ({"version", "description", "success", "checksum"}, "plain"),
        "refinery": ({"version", "name", "applied_on", "checksum"}, "plain"),
        "Diesel": ({"version", "run_on"}, "plain"),
    }
    for title, (wanted, form) in shapes.items():
        if wanted <= columns:
            return title, form
    if name == "schema_migrations" and columns == {"version"}:
        return "Rails or dbmate", "plain"
    return None


def _quoted(text: str) -> str:
    # JSON's strings are TOML's basic strings, but for one character.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _list(texts: Sequence[str]) -> str:
    return f"[{', '.join(map(_quoted, texts))}]"


def _one_line(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)
