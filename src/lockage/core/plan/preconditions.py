"""What keeps a plan from being made at all, and what a person should know before approving one.

Not for choosing. The surprising thing: a migrator whose client is dead does not count as "migrating now"; it is removed, or
waited for, by the run itself, while one that lives must be left alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from lockage.core.facts import LedgerState, OwnedSession, Replica, ReplicaPhase, Session, Survey
from lockage.core.forecast.checks.images import quoted
from lockage.core.plan.steps import OnBlocker
from lockage.core.release.profile import Profile
from lockage.core.release.route import last_migration
from lockage.core.wording import counted
from lockage.errors import RefusedError
from lockage.settings import LongTransactions


def refuse_unfit(survey: Survey, profile: Profile, *, release: str, target: str, on_blocker: OnBlocker) -> None:
    """Nothing when an upgrade may be planned from here.

    Raises ``RefusedError``: ledger dirty (LK221), newer than the target's script (LK222), not the running release's (LK223),
    being migrated now (LK225) or not to be read (LK228); replicas unhealthy (LK227); no privilege to end sessions that must
    end (LK226); the database is a standby (LK229).
    """
    if survey.database.in_recovery:
        raise RefusedError(
            f"database {survey.database.database} is a standby in recovery: nothing can be migrated there",
            code="LK229",
            hint="give the address of the primary",
        )
    _refuse_ledger(survey, profile, release=release, target=target)
    _refuse_replicas(survey)
    _refuse_privileges(survey, on_blocker)


def agreed_release(survey: Survey) -> str:
    """The running release that all sources agree on. Raises ``RefusedError`` (LK224) when they do not."""
    if survey.release is not None:
        return survey.release
    said = [f"{reading.where} {reading.version}" for reading in survey.versions if reading.version]
    problem = f"the sources of the version disagree: {', '.join(said)}" if said else "no source tells the running release"
    raise RefusedError(
        f"{survey.deployment}: {problem}",
        code="LK224",
        hint=f"lockage survey {survey.deployment}; let a rollout that is under way end first",
    )


# --- refusals ------------------------------------------------------------------------------------------------------------


def _refuse_ledger(survey: Survey, profile: Profile, *, release: str, target: str) -> None:
    ledger = survey.ledger
    match ledger.state:
        case LedgerState.MIGRATING:
            _refuse_live_migrator(survey)
        case LedgerState.MISSING | LedgerState.EMPTY | LedgerState.UNREADABLE:
            why = ledger.problem or f"it is {ledger.state}"
            raise RefusedError(
                f"the ledger {ledger.table} cannot be read: {why}",
                code="LK228",
                hint="check the database address and the profile's migrations.ledger",
            )
        case LedgerState.READ:
            _refuse_ledger_version(survey, profile, release=release, target=target)
        case _:
            assert_never(ledger.state)


def _refuse_live_migrator(survey: Survey) -> None:
    holder = next((owned for owned in survey.sessions if owned.session.pid == survey.ledger.holder_pid), None)
    if holder is not None and holder.orphan:
        return
    who = session_in_words(holder) if holder else f"backend {survey.ledger.holder_pid or 'unknown'}"
    raise RefusedError(
        f"{survey.deployment} is being migrated now: {who} holds the migration lock",
        code="LK225",
        hint=f"lockage watch {survey.deployment}; plan again when it has ended",
    )


def _refuse_ledger_version(survey: Survey, profile: Profile, *, release: str, target: str) -> None:
    ledger, running, last = survey.ledger, last_migration(profile, release), last_migration(profile, target)
    if ledger.dirty:
        raise RefusedError(
            f"the ledger {ledger.table} is dirty at version {ledger.version}: a migration stopped half-way",
            code="LK221",
            hint="find out which statements of it were applied, finish or undo them by hand, then clear the flag",
        )
    if ledger.version is not None and last is not None and ledger.version > last:
        raise RefusedError(
            f"the ledger {ledger.table} is at version {ledger.version}, newer than {last}, the last migration of {target}",
            code="LK222",
            hint="upgrade to a release that knows this schema: an older one does not start on it",
        )
    if running is not None and ledger.version != running:
        fits = [name for name, version in profile.migrations.releases.items() if version == ledger.version]
        hint = (
            f"the schema is that of {', '.join(fits)}: run that release first" if fits else "no known release has this schema"
        )
        raise RefusedError(
            f"the ledger {ledger.table} is at version {ledger.version}, and the running release {release} ends at {running}",
            code="LK223",
            hint=hint,
        )


def _refuse_replicas(survey: Survey) -> None:
    if survey.workload.paused:
        raise RefusedError(
            f"workload {survey.workload.name} is paused: a rollout of it would not begin",
            code="LK227",
            hint="resume it, or find out who paused it and why",
        )
    if any(replica.ready for replica in survey.replicas):
        return
    raise RefusedError(
        f"0 of {survey.workload.replicas} replicas of {survey.workload.name} are ready: "
        f"{', '.join(_state(replica) for replica in survey.replicas) or 'there are none'}",
        code="LK227",
        hint=f"lockage survey {survey.deployment}; an upgrade begins with a release that serves",
    )


def _refuse_privileges(survey: Survey, on_blocker: OnBlocker) -> None:
    database = survey.database
    if database.can_signal:
        return
    for owned in survey.sessions:
        must_end = owned.orphan or owned.replica is not None or (on_blocker.signals and _foreign(owned))
        # A role may always end its own sessions. Source: PostgreSQL 18, functions-admin, pg_terminate_backend.
        if must_end and owned.session.user != database.user:
            raise RefusedError(
                f"role {database.user} may not end sessions of role {owned.session.user}, such as {session_in_words(owned)}",
                code="LK226",
                hint=f"GRANT pg_signal_backend TO {quoted(database.user)}",
            )


# --- warnings ------------------------------------------------------------------------------------------------------------


def survey_warnings(survey: Survey, *, on_blocker: OnBlocker, long: LongTransactions) -> tuple[str, ...]:
    """What a person should know of the deployment before approving a plan, one sentence each."""
    return (
        *(f"{r.source} of {r.where} could not be read: {r.problem}" for r in survey.versions if r.version is None),
        *_replica_warnings(survey),
        *_session_warnings(survey, on_blocker, long),
        *_database_warnings(survey),
        *(
            f"{owner} also writes to {survey.workload.name}, and may undo what a run changes"
            for owner in survey.workload.owners
            if owner not in {contender.object for contender in survey.contenders}
        ),
        *survey.problems,
    )


def orphans(survey: Survey) -> tuple[OwnedSession, ...]:
    """Sessions of the application whose client is dead."""
    return tuple(owned for owned in survey.sessions if owned.orphan)


def lasting_of_replicas(survey: Survey, long: LongTransactions) -> tuple[OwnedSession, ...]:
    """Sessions of live replicas that keep a transaction open for long."""
    return tuple(owned for owned in survey.sessions if owned.replica and not owned.orphan and _lasts(owned.session, long))


def _replica_warnings(survey: Survey) -> Iterator[str]:
    unready = [replica for replica in survey.replicas if not replica.ready]
    if unready:
        states = ", ".join(_state(replica) for replica in unready)
        yield f"{len(unready)} of {len(survey.replicas)} replicas are not ready: {states}"


_DONE = {
    OnBlocker.WAIT: "waited for",
    OnBlocker.CANCEL: "cancelled once, and then waited for",
    OnBlocker.TERMINATE: "ended",
    OnBlocker.STOP: "reason to stop the run",
}


def _session_warnings(survey: Survey, on_blocker: OnBlocker, long: LongTransactions) -> Iterator[str]:
    for owned in orphans(survey):
        if owned.session.in_transaction or owned.session.pid == survey.ledger.holder_pid:
            yield f"{session_in_words(owned)} belongs to a dead client and holds locks: it is dealt with before the migration"
    for owned in survey.sessions:
        if _foreign(owned) and _lasts(owned.session, long):
            done = _DONE[on_blocker]
            age_s = owned.session.transaction_age_s or 0.0
            who = session_in_words(owned)
            yield f"{who} has had a transaction open for {age_s:.0f} s: where it stands in the way it is {done}"


def _database_warnings(survey: Survey) -> Iterator[str]:
    database = survey.database
    if not database.can_see_others:
        yield f"role {database.user} does not see queries of others: GRANT pg_read_all_stats TO {quoted(database.user)}"
    if database.prepared_transactions:
        prepared = counted(database.prepared_transactions, "prepared transaction")
        yield f"{prepared} may hold locks no session shows (pg_prepared_xacts)"
    free = database.max_connections - database.connections
    if free < 10:
        yield f"only {free} of {database.max_connections} connections {'is' if free == 1 else 'are'} free"


# --- words ---------------------------------------------------------------------------------------------------------------


def _foreign(owned: OwnedSession) -> bool:
    return not owned.ours and not owned.orphan and owned.replica is None


def _lasts(session: Session, long: LongTransactions) -> bool:
    if session.transaction_age_s is None:
        return False
    idle = (session.state or "").startswith("idle in transaction") and (session.state_age_s or 0.0) >= long.idle_s
    return idle or session.transaction_age_s >= long.long_s


def session_in_words(owned: OwnedSession) -> str:
    """A backend by pid, replica, user and application."""
    session = owned.session
    replica = f" of replica {owned.replica}" if owned.replica else ""
    return f"backend {session.pid}{replica} (user {session.user}, application {session.application_name or 'unnamed'})"


def _state(replica: Replica) -> str:
    restarts = f", {replica.restarts} restarts" if replica.restarts else ""
    exited = f", exit code {replica.last_exit.code}" if replica.last_exit and replica.phase is ReplicaPhase.BACK_OFF else ""
    return f"{replica.name} ({replica.phase}{exited}{restarts})"
