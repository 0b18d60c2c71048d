"""A survey as people read it, at 80 columns.

Not for judging and not for ``--json``. The surprising thing: what could not be seen stands at the end and is never left out,
because an empty list of blockers means something else when nobody was allowed to look.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from rich.console import Console

from lockage.core.facts import LedgerState, OwnedSession, Probe, Replica, Survey, VersionReading
from lockage.core.migration.shortened import shortened
from lockage.core.wording import counted, duration
from lockage.interfaces.cli.console import plain_table, say
from lockage.interfaces.wording.sizes import size
from lockage.settings import LongTransactions

LARGEST = 8
"""Relations that are shown; the ones whose migration matters are among the largest. All are in ``--json``."""

TELLING_SETTINGS = (
    "client_connection_check_interval",  # 0: a dead client's backend goes on
    "lock_timeout",
    "statement_timeout",
    "idle_in_transaction_session_timeout",
    "transaction_timeout",
    "synchronous_standby_names",  # a commit may wait for a standby
    "maintenance_work_mem",
    "max_wal_size",
)
"""Settings that are shown: those by which a migration waits, ends or slows down. All that were read are in ``--json``."""

RECENT_EVENTS = 6
"""Events that are shown, the newest; all are in ``--json``."""

QUERY_SHOWN = 200
"""Characters of a session's query that are shown; all of it is in ``--json``."""


def show_survey(survey: Survey, console: Console, *, limits: LongTransactions) -> None:
    """Print the whole survey."""
    workload = survey.workload
    say(console, f"{survey.deployment} ({survey.profile}) on {survey.at:%Y-%m-%d %H:%M:%S} UTC", style="bold")
    say(console, f"  release   {survey.release or 'the sources disagree'}")
    for line in _versions(survey.versions):
        say(console, f"            {line}")
    say(
        console,
        f"  workload  {workload.name}: {counted(workload.replicas, 'replica')} wanted, "
        f"revision {workload.revision}, {_update(survey)}",
    )
    say(console, f"  liveness  {_probe(workload.startup or workload.liveness)}")
    say(console, f"  grace     {duration(workload.grace_s)} to stop")
    say(console, f"  ledger    {_ledger(survey)}")
    _contenders(survey, console)
    _replicas(survey.replicas, console)
    _database(survey, console)
    _sessions(survey, console, limits)
    _relations(survey, console)
    _events(survey, console)
    for problem in survey.problems:
        say(console, f"not seen: {problem}", style="yellow")


def _versions(readings: Iterable[VersionReading]) -> list[str]:
    said = Counter((reading.source.value, reading.version or "?") for reading in readings)
    return [f"{version} by {source}" + (f" of {times}" if times > 1 else "") for (source, version), times in said.items()]


def _update(survey: Survey) -> str:
    workload = survey.workload
    if workload.update.value != "RollingUpdate":
        return workload.update.value
    return f"RollingUpdate (surge {workload.max_surge}, unavailable {workload.max_unavailable})"


def _probe(probe: Probe | None) -> str:
    if probe is None:
        return "no probe: nothing kills a replica that does not answer"
    return f"{probe.path} kills a replica that does not answer for {duration(probe.kill_budget_s)} from its start"


def _ledger(survey: Survey) -> str:
    ledger = survey.ledger
    match ledger.state:
        case LedgerState.READ:
            return f"{ledger.table} at {ledger.version}" + (", DIRTY" if ledger.dirty else "")
        case LedgerState.MIGRATING:
            return f"{ledger.table}: a migration is under way, its lock is held by backend {ledger.holder_pid}"
        case _:
            return f"{ledger.table} {ledger.state.value}" + (f": {ledger.problem}" if ledger.problem else "")


def _replicas(replicas: tuple[Replica, ...], console: Console) -> None:
    table = plain_table("replica", "release", "phase", "ready", "restarts", "last exit")
    for replica in replicas:
        left = replica.last_exit
        last = f"{left.reason} ({left.code})" if left else "-"
        ready = "yes" if replica.ready else "no"
        table.add_row(replica.name, replica.release, replica.phase.value, ready, str(replica.restarts), last)
    _section(console, "replicas", table, bool(replicas))


def _contenders(survey: Survey, console: Console) -> None:
    table = plain_table("who else", "is", "does")
    for contender in survey.contenders:
        does = contender.does + (" (paused)" if contender.paused else "")
        table.add_row(contender.object, contender.kind.value, does)
    _section(console, "contenders", table, bool(survey.contenders))


def _database(survey: Survey, console: Console) -> None:
    server = survey.database
    say(console, "")
    say(console, f"database {server.database}: PostgreSQL {server.version}, {size(server.size_bytes)}", style="bold")
    say(console, f"  we are    {server.user}: {_may(survey)}")
    say(console, f"  sessions  {server.connections} of {server.max_connections} connections")
    table = plain_table("setting", "value")
    for name in TELLING_SETTINGS:
        if server.settings.get(name):
            table.add_row(name, server.settings[name])
    if table.row_count:
        console.print(table)


def _may(survey: Survey) -> str:
    server = survey.database
    if server.superuser:
        return "superuser"
    sees = "sees" if server.can_see_others else "does not see"
    ends = "may end" if server.can_signal else "may not end"
    return f"{sees} other roles' queries, {ends} other roles' sessions"


def _sessions(survey: Survey, console: Console, limits: LongTransactions) -> None:
    others = [owned for owned in survey.sessions if not owned.ours]
    by_owner = Counter(_owner(owned) for owned in others)
    table = plain_table("sessions of", "number")
    for owner, number in sorted(by_owner.items()):
        table.add_row(owner, str(number))
    _section(console, "sessions", table, bool(by_owner))
    noted = [(owned, why) for owned in others if (why := _worth_a_line(owned, limits))]
    table = plain_table("pid", "whose", "why", "query")
    for owned, why in noted:
        table.add_row(str(owned.session.pid), _owner(owned), why, shortened(owned.session.query, most=QUERY_SHOWN))
    _section(console, "worth a look", table, bool(noted))


def _owner(owned: OwnedSession) -> str:
    if owned.orphan:
        return "a dead client (orphan)"
    if owned.replica:
        return owned.replica
    session = owned.session
    return f"{session.user} / {session.application_name or 'no application name'}"


def _worth_a_line(owned: OwnedSession, limits: LongTransactions) -> str | None:
    session = owned.session
    age = session.transaction_age_s
    if owned.orphan:
        return "its client is dead"
    if session.waits_for_lock:
        return f"waits for {', '.join(map(str, session.blocked_by)) or 'a lock'}"
    if age is not None and (session.state or "").startswith("idle") and (session.state_age_s or 0.0) > limits.idle_s:
        return f"idle in a transaction for {duration(session.state_age_s or 0.0)}"
    if age is not None and age > limits.long_s:
        return f"transaction open for {duration(age)}"
    return None


def _relations(survey: Survey, console: Console) -> None:
    largest = sorted(survey.relations, key=lambda r: r.heap_bytes + r.index_bytes + r.toast_bytes, reverse=True)[:LARGEST]
    table = plain_table("largest relations", "rows", "table", "indexes", "dead rows")
    for relation in largest:
        rows = "?" if relation.rows < 0 else f"{relation.rows:,.0f}"
        indexes = f"{size(relation.index_bytes)} in {relation.indexes}"
        table.add_row(
            relation.relation, rows, size(relation.heap_bytes + relation.toast_bytes), indexes, f"{relation.dead_rows:,.0f}"
        )
    _section(console, "sizes", table, bool(largest))


def _events(survey: Survey, console: Console) -> None:
    table = plain_table("at (UTC)", "event", "of", "text")
    for event in survey.events[-RECENT_EVENTS:]:
        table.add_row(f"{event.at:%H:%M:%S}", event.reason, event.subject, event.text)
    _section(console, "events", table, bool(survey.events))


def _section(console: Console, title: str, table: object, worth_it: bool) -> None:
    if worth_it:
        say(console, "")
        say(console, title, style="bold")
        console.print(table)
