"""Limits of the server that a migration or its replica ran into: connections, locks, times, disk.

The surprising thing: a limit that was reached leaves no trace but a line in a log. What is measured now (connections, free
disk) only supports that line, or stands alone where no log could be read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from lockage.core.diagnosis.evidence import ConnectionLimits
from lockage.core.diagnosis.findings import Case, Exhibit, Finding, Rule
from lockage.core.diagnosis.present import kubectl
from lockage.core.diagnosis.rollout import failed, logged, logged_of_migration, role, troubled, written
from lockage.core.diagnosis.server_entries import ServerEntry
from lockage.core.diagnosis.typed import identifier, psql
from lockage.core.diagnosis.voices import Voice

NO_ROOM_BYTES = 64 << 20
"""Free room below which PostgreSQL cannot go on for long: four segments of WAL. Source: PostgreSQL 18, 28.5."""

_OF_ROLE = re.compile(r'too many connections for (?P<kind>role|database) "(?P<name>[^"]+)"')


# --- connections ------------------------------------------------------------------------------------------------------


def connections(case: Case) -> Iterator[Finding]:
    """F031 and F032: no connection is left, of the server or of the role or database."""
    trouble, limits = case.evidence.database.trouble, case.evidence.database.limits
    said = failed(case, "53300") + tuple(v for v in failed(case, "08P01") if "query_wait_timeout" in v.complaint.raw)
    ours = trouble is not None and trouble.sqlstate == "53300"
    words = [v.complaint.message for v in said] + ([trouble.text] if trouble is not None and ours else [])
    evidence = [v.exhibit for v in said[:2]]
    if trouble is not None and ours:
        evidence.append(Exhibit(source="the answer to a connection of our own", text=trouble.text[:300]))
    evidence += [written(e) for e in logged(case, "53300")[-1:]]
    if limits is not None:
        evidence.append(_counted(limits))
    about = tuple(dict.fromkeys(f"pod {v.detail.name}" for v in said))
    named = next((m for text in words if (m := _OF_ROLE.search(text))), None)
    if named is not None or (not words and troubled(case) and limits is not None and _own_full(limits)):
        yield _of_its_own(case, limits, named, evidence, about, sure=0.95 if words else 0.5)
    elif words or (troubled(case) and limits is not None and _server_full(limits)):
        yield _of_server(case, limits, evidence, about, sure=0.95 if words else 0.5)


def _own_full(limits: ConnectionLimits) -> bool:
    return 0 <= limits.role_limit <= limits.role_connections or 0 <= limits.database_limit <= limits.database_connections


def _server_full(limits: ConnectionLimits) -> bool:
    return limits.server_connections >= limits.server_limit - limits.reserved


def _counted(limits: ConnectionLimits) -> Exhibit:
    def one(name: str, used: int, limit: int) -> str:
        return f"{name} {used} of {limit}" if limit >= 0 else f"{name} {used}, no limit"

    parts = (
        one(f"role {limits.role}", limits.role_connections, limits.role_limit),
        one("database", limits.database_connections, limits.database_limit),
        one("server", limits.server_connections, limits.server_limit) + f" ({limits.reserved} reserved)",
    )
    return Exhibit(source="pg_stat_activity", text="connections: " + "; ".join(parts))


def _of_server(
    case: Case, limits: ConnectionLimits | None, evidence: Sequence[Exhibit], about: tuple[str, ...], *, sure: float
) -> Finding:
    server = case.evidence.database.server
    most = limits.server_limit if limits is not None else server.max_connections if server is not None else None
    used = f"{limits.server_connections} of " if limits is not None else ""
    return Finding(
        code="F031",
        cause="the server has no connection left" + (f": {used}max_connections {most}" if most is not None else ""),
        confidence=sure,
        why=_why_none_left(evidence) if sure > 0.6 else "as many connections as are allowed were counted",
        evidence=tuple(evidence),
        next=psql(
            case, "SELECT usename, application_name, state, count(*) FROM pg_stat_activity GROUP BY 1, 2, 3 ORDER BY 4 DESC"
        ),
        avoid="do not add replicas: each brings a pool of connections more",
        rules_out=("F010", "F021", "F024"),
        about=about,
    )


def _why_none_left(evidence: Sequence[Exhibit]) -> str:
    if any("query_wait_timeout" in exhibit.text for exhibit in evidence):
        return "the pooler before it had no connection of the server to lend within its query_wait_timeout"
    return "the server refuses a login with 53300"


def _of_its_own(
    case: Case,
    limits: ConnectionLimits | None,
    named: re.Match[str] | None,
    evidence: Sequence[Exhibit],
    about: tuple[str, ...],
    *,
    sure: float,
) -> Finding:
    of_role = (
        named["kind"] == "role"
        if named is not None
        else limits is not None and 0 <= limits.role_limit <= limits.role_connections
    )
    server = case.evidence.database.server
    database = server.database if server is not None else "DATABASE"
    name = named["name"] if named is not None else (limits.role if limits is not None and of_role else database)
    most = None if limits is None else limits.role_limit if of_role and limits.role == name else limits.database_limit
    what = f"role {name}" if of_role else f"database {name}"
    change = f"ALTER {'ROLE' if of_role else 'DATABASE'} {identifier(name)} CONNECTION LIMIT {max(2 * (most or 0), 50)}"
    return Finding(
        code="F032",
        cause=f"{what} has no connection left" + (f": its limit is {most}" if most is not None and most >= 0 else ""),
        confidence=sure,
        why=f"the server refuses a login because of {what}'s own limit" if sure > 0.6 else "its limit is reached",
        evidence=tuple(evidence),
        next=f"as a superuser: {psql(case, change)}",
        avoid="do not add replicas: each brings a pool of connections more",
        rules_out=("F010", "F021", "F024", "F031"),
        about=(*about, *((f"role {name}",) if of_role else ())),
    )


# --- locks and times --------------------------------------------------------------------------------------------------


def lock_table(case: Case) -> Iterator[Finding]:
    """F033: the lock table is full."""
    said = tuple(v for v in failed(case, "53200") if _is_lock_table(f"{v.complaint.message} {v.complaint.detail}"))
    entries = tuple(e for e in logged_of_migration(case, "53200") if _is_lock_table(f"{e.message} {e.hint}"))
    if not said and not entries:
        return
    server = case.evidence.database.server
    now = server.settings.get("max_locks_per_transaction") if server is not None else None
    more = max(4 * int(now), 256) if now is not None and now.isdecimal() else 256
    change = psql(case, f"ALTER SYSTEM SET max_locks_per_transaction = {more}")
    yield _ended(
        "F033",
        "the migration needs more locks than the server's lock table holds"
        + (f" (max_locks_per_transaction {now})" if now is not None else ""),
        said,
        entries,
        next_=f"{change}, restart PostgreSQL, then let the replicas start again",
        avoid="do not try again before it is raised: it fails at the same place",
    )


def _is_lock_table(text: str) -> bool:
    return "shared memory" in text or "max_locks_per_transaction" in text


_TIMES = {
    "57014": ("F034", "statement_timeout", "canceling statement due to statement timeout"),
    "55P03": ("F035", "lock_timeout", "canceling statement due to lock timeout"),
    "25P03": ("F037", "idle_in_transaction_session_timeout", "idle-in-transaction timeout"),
    "25P04": ("F037", "transaction_timeout", "transaction timeout"),
}


def timeouts(case: Case) -> Iterator[Finding]:
    """F034, F035 and F037: a time limit of the server ended a migration."""
    for sqlstate, (code, setting, words) in _TIMES.items():
        said = tuple(v for v in failed(case, sqlstate) if words in v.complaint.raw or words in v.complaint.message)
        entries = tuple(e for e in logged_of_migration(case, sqlstate) if words in e.message)
        if not said and not entries:
            continue
        limit = _limit(case, setting)
        who = role(case)
        name = identifier(who) if who else "ROLE"
        change = f"for the time of the upgrade: {psql(case, f'ALTER ROLE {name} SET {setting} = 0')}"
        if limit is None and _is_looked_for(case):
            change = f"find where the client sets it, and take it out for the upgrade: {_clients(case)}"
        yield _ended(
            code,
            f"{setting}{f' of {limit}' if limit else ''} ended the migration's "
            + ("transaction" if code == "F037" else "statement"),
            said,
            entries,
            next_=f"{change}, then let the replica start again",
            avoid="do not restart it with the same limit: it ends at the same place, and everything before is rolled back"
            if code != "F035"
            else "do not only raise it: whoever holds the lock would be waited for, with a queue behind",
            setting=f"{setting} = {limit}" if limit else "",
        )


def _is_looked_for(case: Case) -> bool:
    """Whether a limit of the role, the database or the server would have been seen."""
    return case.evidence.database.privileges is not None and case.evidence.database.server is not None


def _clients(case: Case) -> str:
    """Where the address of the database, PGOPTIONS and a migrator's own settings stand: they go before those of a role."""
    return kubectl(case, "set", "env", f"deployment/{case.evidence.deployment}", "--list")


def _limit(case: Case, setting: str) -> str | None:
    database = case.evidence.database
    own = database.privileges.settings.get(setting) if database.privileges is not None else None
    if own:
        return own
    servers = database.server.settings.get(setting) if database.server is not None else None
    return servers if servers not in {None, "", "0"} else None


def _ended(
    code: str,
    cause: str,
    said: Sequence[Voice],
    entries: Sequence[ServerEntry],
    *,
    next_: str,
    avoid: str,
    setting: str = "",
) -> Finding:
    shown = tuple(written(e) for e in entries[-1:])
    known = (Exhibit(source="pg_settings, pg_db_role_setting", text=setting),) if setting else ()
    migrates = any(v.migrates for v in said) or bool(entries)
    return Finding(
        code=code,
        cause=cause,
        confidence=0.95 if said and migrates else 0.8,
        why="the server's own words stand in the log of a replica that is not ready"
        if said
        else "PostgreSQL's log has it for a statement that changes the schema, since the rollout began",
        evidence=(*(v.exhibit for v in said[:2]), *shown, *known),
        next=next_,
        avoid=avoid,
        rules_out=("F012", "F010"),
        about=tuple(dict.fromkeys(f"pod {v.detail.name}" for v in said)),
    )


# --- disk -------------------------------------------------------------------------------------------------------------


def disk(case: Case) -> Iterator[Finding]:
    """F036: the server's disk is full."""
    database = case.evidence.database
    free = database.disk_free_bytes
    said = tuple(v for v in failed(case, "53100") if not _is_shared_memory(v.complaint.raw))
    entries = tuple(e for e in logged(case, "53100") if not _is_shared_memory(e.message))
    short = free is not None and free < NO_ROOM_BYTES
    # What was full and is not any more, with all replicas well, is over.
    if not short and not said and not (entries and troubled(case) != ()):
        return
    left = f": {free / (1 << 20):.0f} MiB are left" if free is not None else ""
    wal = f"; pg_wal has {database.wal_bytes / (1 << 30):.1f} GiB" if database.wal_bytes is not None else ""
    size = (
        (Exhibit(source="the file system of the server's data", text=f"{free} bytes are free{wal}"),)
        if free is not None
        else ()
    )
    yield Finding(
        code="F036",
        cause=f"the disk of PostgreSQL is full{left}{wal}",
        confidence=0.95 if short or said else 0.75,
        why="the server's own words" if said or entries else "what is free was measured",
        evidence=(*(v.exhibit for v in said[:2]), *(written(e) for e in entries[-1:]), *size),
        next=psql(
            case, "SELECT slot_name, active, pg_size_pretty(pg_current_wal_lsn() - restart_lsn) FROM pg_replication_slots"
        ),
        avoid="never delete files in pg_wal: the database would be lost. Make the volume larger, or drop what keeps WAL",
        rules_out=("F012", "F010"),
        about=tuple(dict.fromkeys(f"pod {v.detail.name}" for v in said)),
    )


def _is_shared_memory(text: str) -> bool:
    return "shared memory segment" in text


def small_shared_memory(case: Case) -> Iterator[Finding]:
    """F036 of /dev/shm: workers of a parallel query or index build share memory there, and a container has 64 MiB of it."""
    said = tuple(v for v in failed(case, "53100") if _is_shared_memory(v.complaint.raw))
    entries = tuple(e for e in logged_of_migration(case, "53100") if _is_shared_memory(e.message))
    if not said and not entries:
        return
    who = role(case) or "ROLE"
    change = psql(case, f"ALTER ROLE {who} SET max_parallel_maintenance_workers = 0")
    yield Finding(
        code="F036",
        cause="the shared memory of PostgreSQL's container (/dev/shm) is full, which is not its disk",
        confidence=0.9 if said else 0.75,
        why="the server's own words: it could not make a segment of shared memory larger",
        evidence=(*(v.exhibit for v in said[:2]), *(written(e) for e in entries[-1:])),
        next=f"for the time of the upgrade: {change}, and the same for max_parallel_workers_per_gather; "
        "then give the container more (docker: --shm-size; Kubernetes: an emptyDir of medium Memory at /dev/shm)",
        avoid="do not delete files to make room: the disk has enough",
        rules_out=("F012", "F010"),
        about=tuple(dict.fromkeys(f"pod {v.detail.name}" for v in said)),
    )


RULES: tuple[Rule, ...] = (connections, lock_table, timeouts, disk, small_shared_memory)
