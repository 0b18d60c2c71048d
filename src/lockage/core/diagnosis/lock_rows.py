"""A migrator's lock that is a row of a table, and that a killed migrator has left behind.

A rule of the family ``waiting``. The surprising thing: such a lock shows in no view of PostgreSQL, because no session holds it.
It is known by what those say that wait for it, and it is left over only where nobody migrates.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lockage.core.diagnosis.evidence import Container, ContainerPhase, LogText, ReplicaDetail
from lockage.core.diagnosis.findings import Case, Exhibit, Finding
from lockage.core.diagnosis.log_lines import read_lines
from lockage.core.diagnosis.migrator import THE_LOCK, first_look, last_look, migrator, owners
from lockage.core.diagnosis.migrator_lines import Step, migrator_lines
from lockage.core.diagnosis.present import in_trouble, is_ready, living, log_exhibit, log_of, own_containers
from lockage.core.diagnosis.typed import psql
from lockage.core.wording import listed


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """One migrator's table with its lock."""

    said: re.Pattern[str]  # by whoever finds it taken
    table: str
    look: str
    free: str


# Sources: Liquibase 4.29 (StandardLockService, LockException), Metabase 0.50 (migrate), Knex 3.1 (Migrator, LockError),
# yoyo-migrations 9 (backends/base.py).
_KINDS = (
    _Kind(
        said=re.compile(
            r"(?i)waiting for change ?log lock|could not acquire change log lock|database has migration lock; cannot run"
        ),
        table="databasechangeloglock",
        look="SELECT locked, lockedby, lockgranted FROM {table}",
        free="UPDATE {table} SET locked = false, lockedby = NULL, lockgranted = NULL",
    ),
    _Kind(
        said=re.compile(r"(?i)migration table is already locked|\bMigrationLocked\b"),
        table="knex_migrations_lock",
        look="SELECT * FROM {table}",
        free="UPDATE {table} SET is_locked = 0",
    ),
    _Kind(
        said=re.compile(r"Process \d+ has locked this database"),
        table="yoyo_lock",
        look="SELECT pid, ctime FROM {table}",
        free="DELETE FROM {table}",
    ),
)

_HOLDER = re.compile(r"Currently locked by (?P<holder>[^\s(]+)(?: \([^)]*\))?(?: since (?P<since>[^.\"\n]{1,40}))?")
"""Whom Liquibase names. Source: Liquibase 4.29, StandardLockService."""

_GOT_IT = frozenset({Step.LOCKED, Step.BEGUN, Step.DONE, Step.ENDED})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waiter:
    replica: str
    kind: _Kind
    holder: str | None
    since: str | None
    exhibit: Exhibit


def lock_row_left(case: Case) -> Iterator[Finding]:
    """F088: replicas wait for a lock that is a row of a table, and nobody is there who could hold it."""
    waiters = tuple(_waiters(case))
    if not waiters or migrator(case) is not None or _others_may_hold(case, waiters):
        return
    kind = waiters[-1].kind
    holder = next((w for w in reversed(waiters) if w.holder is not None), None)
    seen = first_look(case) is not None
    names = tuple(dict.fromkeys(w.replica for w in waiters))
    by = f" by {holder.holder}" if holder is not None else ""
    since = f" since {holder.since}" if holder is not None and holder.since else ""
    schema = case.profile.migrations.ledger.rpartition(".")[0] or "public"
    table = f"{schema}.{kind.table}"
    look, free = psql(case, kind.look.format(table=table)), psql(case, kind.free.format(table=table))
    yield Finding(
        code="F088",
        cause=f"{listed(names)} {'waits' if len(names) == 1 else 'wait'} for the migrator's lock, a row of {table} that was "
        f"taken{by}{since}, and nobody migrates: it was left behind",
        confidence=(0.85 if holder is not None else 0.75) if seen else 0.4,
        why="no session migrates in two looks, and no other replica is starting"
        if seen
        else "the sessions were not seen, so that somebody may migrate",
        evidence=(*(w.exhibit for w in waiters[:3]), *_nobody(case)),
        next=f"see whose it is: {look}; when no Job and no other deployment migrates, give it back: {free}",
        avoid="do not restart the replicas: each finds the same row; and do not give it back while anybody migrates: two would "
        "migrate at once",
        rules_out=("F012",),  # a second row that its key refuses is how such a lock is found taken
        about=(*(f"pod {name}" for name in names), THE_LOCK),
    )


def _waiters(case: Case) -> Iterator[_Waiter]:
    for detail in living(case):
        for container in own_containers(detail):
            log = _newest_log(case, detail, container) if in_trouble(case, detail, container) else None
            found = _waits(log) if log is not None else None
            if found is not None:
                yield found


def _newest_log(case: Case, detail: ReplicaDetail, container: Container) -> LogText | None:
    """What its present process said; of one that is between two processes, the one before."""
    now = log_of(case, detail.name, container.name, previous=False)
    before = log_of(case, detail.name, container.name, previous=True)
    running = container.state.phase is ContainerPhase.RUNNING
    return (now or before) if running else (before or now)


def _waits(log: LogText) -> _Waiter | None:
    """The newest line of a log that says so, where nothing behind it tells that the lock was had after all."""
    lines = read_lines(log)
    said = [(i, kind) for i, line in enumerate(lines) for kind in _KINDS if kind.said.search(line.text)]
    if not said:
        return None
    index, kind = said[-1]
    behind = LogText(replica=log.replica, container=log.container, lines=tuple(line.raw for line in lines[index + 1 :]))
    if any(step.step in _GOT_IT for step in migrator_lines(behind)):
        return None
    named = next((match for i, _ in reversed(said) if (match := _HOLDER.search(lines[i].text))), None)
    return _Waiter(
        replica=log.replica,
        kind=kind,
        holder=named["holder"] if named is not None else None,
        since=named["since"] if named is not None else None,
        exhibit=log_exhibit(log, lines[index].raw),
    )


def _others_may_hold(case: Case, waiters: tuple[_Waiter, ...]) -> bool:
    """Whether a replica that has not said that it waits may have the lock, or a session that is nobody's works."""
    waiting = {w.replica for w in waiters}
    for detail in living(case):
        runs = any(c.state.phase is ContainerPhase.RUNNING for c in own_containers(detail))
        if runs and detail.name not in waiting and not is_ready(case, detail):
            return True
    # A Job's migrator between two of its statements, or one that changes rows only.
    return any(
        o.replica is None and not o.ours and o.session.in_transaction and not o.session.query.startswith("autovacuum:")
        for o in owners(case)
    )


def _nobody(case: Case) -> tuple[Exhibit, ...]:
    look = last_look(case)
    if look is None:
        return ()
    others = sum(1 for o in owners(case) if not o.ours)
    return (Exhibit(source="pg_stat_activity", text=f"{others} sessions, none of them migrates or has a transaction open"),)
