"""Where a cause would show: the fields of the evidence, in words, and whether they were seen.

Not for judging what stands in them. The surprising thing: "collected" is more than "not None". Logs of which a part did not
come, and a single look where a pace takes two, rule nothing out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lockage.core.diagnosis.evidence import Evidence
from lockage.core.diagnosis.findings import Case
from lockage.core.release.route import last_migration
from lockage.core.release.version import parse_version
from lockage.errors import UsageError

SOURCES: Mapping[str, str] = {
    "platform.workload": "the Deployment",
    "platform.conditions": "the Deployment's conditions",
    "platform.replicas": "the list of replicas",
    "platform.details": "the replicas' containers",
    "platform.revisions": "the ReplicaSets",
    "platform.events": "the events",
    "platform.logs": "the replicas' logs, current and previous",
    "platform.nodes": "the nodes",
    "platform.quotas": "the quotas",
    "platform.contenders": "the controllers beside the Deployment",
    "platform.usage": "what the replicas use of memory and CPU",
    "platform.releases": "Helm's history",
    "platform.versions": "the versions that the replicas show",
    "platform.neighbours": "other workloads with the same database address",
    "database.trouble": "the answer to a connection of our own",
    "database.server": "the server's settings",
    "database.ledger": "the ledger",
    "database.ledger_rows": "the rows of the ledger",
    "database.looks": "two looks at pg_stat_activity and pg_locks",
    "database.owned": "the sessions with their clients",
    "database.prepared": "pg_prepared_xacts",
    "database.slots": "pg_replication_slots",
    "database.standbys": "pg_stat_replication",
    "database.invalid_indexes": "the invalid indexes",
    "database.limits": "the limits of connections",
    "database.privileges": "the privileges and settings of the role",
    "database.server_log": "PostgreSQL's own log",
    "database.disk_free_bytes": "the free space on the server's disk",
    "database.wal_bytes": "the size of pg_wal",
    "database.drift": "the catalog beside the one that a clean run makes (lockage diagnose --catalog)",
    "profile.known": "a profile of the application",
    "profile.releases": "where the migrations of the release end",
    "script": "the text of the migrations",
}
"""What a cause may name in ``shows_in``, and how people call it.

The last three are no evidence: they are what one must know to judge it.
"""


def seen(case: Case, source: str) -> bool:
    """Whether the source was seen whole, so that silence in it means something. Raises ``KeyError`` for no source at all."""
    if source not in SOURCES:
        raise KeyError(source)
    special = _SPECIAL.get(source)
    if special is not None:
        return special(case)
    part, _, name = source.partition(".")
    return getattr(case.evidence.platform if part == "platform" else case.evidence.database, name) is not None


def in_words(sources: tuple[str, ...]) -> str:
    """The sources as people call them: ``the events, the ledger``."""
    return ", ".join(SOURCES[source] for source in sources)


def _logs(case: Case) -> bool:
    return case.evidence.platform.logs is not None and not _missing(case.evidence, "log")


def _missing(evidence: Evidence, word: str) -> bool:
    return any(word in missing.source.lower() for missing in evidence.missing)


def _looks(case: Case) -> bool:
    looks = case.evidence.database.looks
    return looks is not None and len(looks) >= 2


def _trouble(case: Case) -> bool:
    database = case.evidence.database
    return database.trouble is not None or database.server is not None


def _releases(case: Case) -> bool:
    return last_of_image(case) is not None


def last_of_image(case: Case) -> int | None:
    """The last migration of the release that is asked for: by the profile, else by the script; None where neither tells."""
    workload = case.evidence.platform.workload
    if workload is not None:
        try:
            parse_version(workload.release)
        except UsageError:
            pass
        else:
            last = last_migration(case.profile, workload.release)
            if last is not None:
                return last
    return max((migration.version for migration in case.script), default=None)


_SPECIAL: Mapping[str, Callable[[Case], bool]] = {
    "platform.logs": _logs,
    "database.looks": _looks,
    "database.trouble": _trouble,
    "profile.known": lambda case: case.known,
    "profile.releases": _releases,
    "script": lambda case: bool(case.script),
}
