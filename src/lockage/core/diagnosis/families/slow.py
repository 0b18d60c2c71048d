"""A migration that works and takes its time: how far it is, and what it spends the time on.

The surprising thing: the most valuable answer of all is "it is not stuck". Whether it is slow is measured by the vendor's own
typical time, and only then is it asked why; below that a busy disk is just a migration at work.
"""

from __future__ import annotations

from collections.abc import Iterator

from lockage.core.diagnosis.evidence import ReplicationSlot
from lockage.core.diagnosis.findings import Case, Exhibit, Finding, Rule
from lockage.core.diagnosis.migrator import Migrator, first_look, last_look, migrator, owners, shown
from lockage.core.diagnosis.motion import (
    left_of,
    pace_of,
    since_of,
    waits_for_standby,
    work_of,
    working_in_words,
)
from lockage.core.diagnosis.rollout import failed, troubled
from lockage.core.diagnosis.typed import lockage, psql, standbys_shown
from lockage.core.facts import Session
from lockage.core.wording import counted, duration, listed

THROTTLED_RATIO = 0.95
"""Share of its CPU limit at which a replica is taken to be held back by it."""

MUCH_WAL_BYTES = 10 << 30
"""WAL kept by one slot that is worth speaking of where the room on the disk is not known: ten default max_wal_size."""

SOME_WAL_BYTES = 1 << 30
"""Below this a slot is no reason for anything: max_wal_size alone lets that much stay. Source: PostgreSQL 18, 19.5.2."""


# --- it works ---------------------------------------------------------------------------------------------------------


def works(case: Case) -> Iterator[Finding]:
    """F055, harmless: the migration works. F054: and takes longer than the vendor calls typical, with nobody in its way."""
    found = migrator(case)
    if found is None or found.owned.orphan or first_look(case) is None or pace_of(case, found) != "works":
        return
    work, left_s, since_s = work_of(case, found), left_of(case, found), since_of(case, found) or 0.0
    doing = working_in_words(case, found, work, left_s)
    progress = _progress(case, found)
    if since_s <= case.profile.vendor.typical_s:
        yield Finding(
            code="F055",
            cause=f"it is not stuck: {doing}",
            confidence=0.95 * found.sure,
            why=f"it did something between the two looks, and waits for no lock; {found.why}",
            evidence=(shown(found.session), *progress),
            next=lockage(case, "watch"),
            avoid="do not restart it: everything that it has done would be rolled back and begun anew",
            harmless=True,
            about=found.about,
        )
        return
    yield Finding(
        code="F054",
        cause=f"the migration works, and nobody holds a lock that it needs, but it takes {duration(since_s)} by now "
        f"where {duration(case.profile.vendor.typical_s)} is typical: {doing}",
        confidence=0.85 * found.sure,
        why="it did something between the two looks, and its time was measured",
        evidence=(shown(found.session), *progress),
        next=lockage(case, "watch"),
        avoid="do not restart it: everything that it has done would be rolled back and begun anew",
        about=found.about,
    )
    yield from _spends(case, found)


def _progress(case: Case, found: Migrator) -> tuple[Exhibit, ...]:
    first, last = first_look(case), last_look(case)
    lines: list[Exhibit] = []
    for look in (first, last):
        for one in look.work if look is not None else ():
            if one.pid == found.session.pid and one.command is not None:
                share = f"{one.done_ratio:.1%}" if one.done_ratio is not None else "no number"
                on = f" on {one.relation}" if one.relation else ""
                lines.append(Exhibit(source="pg_stat_progress", text=f"{one.command}{on}, {one.phase or '?'}: {share}"))
    return tuple(dict.fromkeys(lines))


def _spends(case: Case, found: Migrator) -> Iterator[Finding]:
    """F050 and F051: what a late migration spends its time on, as far as two samples tell."""
    first = first_look(case)
    before = first.session(found.session.pid) if first is not None else None
    samples = [s for s in (before, found.session) if s is not None and s.state == "active"]
    if len(samples) == 2 and all(s.wait_event_type == "IO" for s in samples):
        yield _finding(
            case,
            found,
            "F050",
            f"{found.name} waits for the disk ({listed(tuple(dict.fromkeys(s.wait_event or '?' for s in samples)))})",
            samples,
            next_=psql(case, "TABLE pg_stat_io" if _has_io_view(case) else "TABLE pg_stat_bgwriter"),
        )
    elif len(samples) == 2 and all(s.wait_event_type is None for s in samples):
        yield _finding(
            case,
            found,
            "F051",
            f"{found.name} computes: it waited for nothing in both looks",
            samples,
            next_=lockage(case, "watch"),
        )
    else:
        yield from _throttled(case, found)


def _has_io_view(case: Case) -> bool:
    server = case.evidence.database.server
    return server is not None and server.major >= 16


def _throttled(case: Case, found: Migrator) -> Iterator[Finding]:
    """The replica's own CPU limit holds a migration back whose work is done in the replica."""
    usage = next((u for u in case.evidence.platform.usage or () if u.replica == found.owned.replica), None)
    if usage is None or usage.cpu_cores is None or not usage.cpu_limit_cores:
        return
    if usage.cpu_cores >= THROTTLED_RATIO * usage.cpu_limit_cores:
        text = f"replica {usage.replica} uses {usage.cpu_cores:.2f} of {usage.cpu_limit_cores:.2f} CPU cores"
        more = (Exhibit(source="usage of replicas", text=text),)
        yield _finding(
            case, found, "F051", f"{text}, its limit, while it migrates", [found.session], lockage(case, "survey"), more
        )


def _finding(
    case: Case,
    found: Migrator,
    code: str,
    cause: str,
    samples: list[Session],
    next_: str,
    more: tuple[Exhibit, ...] = (),
) -> Finding:
    del case
    return Finding(
        code=code,
        cause=cause,
        confidence=0.6 * found.sure,
        why="two samples of its wait events are few, and say the same",
        evidence=(*(shown(s) for s in samples[-1:]), *more),
        next=next_,
        avoid="do not restart it: it would begin anew on the same disk and the same processor",
        about=found.about,
    )


# --- a standby --------------------------------------------------------------------------------------------------------


def standby_waits(case: Case) -> Iterator[Finding]:
    """F052: a commit waits until a synchronous standby has it."""
    first = first_look(case)
    waiting = [o for o in owners(case) if not o.ours and waits_for_standby(o.session)]
    stuck = [o for o in waiting if first is None or _waited_before(first.session(o.session.pid))]
    if not stuck:
        return
    found = migrator(case)
    migrates = found is not None and any(o.session.pid == found.session.pid for o in stuck)
    server, standbys = case.evidence.database.server, case.evidence.database.standbys
    names = server.settings.get("synchronous_standby_names", "") if server is not None else ""
    sync = [s for s in standbys or () if s.sync_state in {"sync", "quorum"}]
    pids = listed(tuple(str(o.session.pid) for o in stuck))
    lag = f"the slowest is {max((s.replay_lag_s or 0.0) for s in sync):.0f} s behind" if sync else "none is connected"
    behind = lag if standbys is not None else "which ones are connected was not seen"
    who = "the migration" if migrates else counted(len(stuck), "commit")
    wait = "waits" if migrates or len(stuck) == 1 else "wait"
    yield Finding(
        code="F052",
        cause=f"{who} (pid {pids}) {wait} for a synchronous standby ({names or 'synchronous_standby_names'}): {behind}",
        confidence=0.95 if standbys is not None and not sync else 0.85 if first is not None else 0.5,
        why="it waits for SyncRep in both looks, which is after the work and before the answer",
        evidence=(
            *(shown(o.session) for o in stuck[:2]),
            *(Exhibit(source="pg_stat_replication", text=f"{s.name}: {s.state}, {s.sync_state}") for s in (standbys or ())[:3]),
        ),
        next=standbys_shown(case),
        avoid="do not cancel the commit: it is done here and only not confirmed, and the client would be told that it failed",
        about=tuple(key for o in stuck for key in (f"backend {o.session.pid}", *((f"pod {o.replica}",) if o.replica else ()))),
    )


def _waited_before(session: Session | None) -> bool:
    return session is not None and waits_for_standby(session)


# --- replication slots ------------------------------------------------------------------------------------------------


def slot_keeps_wal(case: Case) -> Iterator[Finding]:
    """F053: a replication slot keeps so much WAL that the disk fills."""
    free = case.evidence.database.disk_free_bytes
    full = bool(failed(case, "53100")) or (free is not None and free < SOME_WAL_BYTES)
    for slot in case.evidence.database.slots or ():
        kept = slot.retained_bytes or 0
        short = kept >= SOME_WAL_BYTES and (full or (free is not None and kept > free))
        if slot.wal_status == "lost" or not (short or kept >= MUCH_WAL_BYTES):
            continue
        yield _slot(case, slot, kept, serious=short and (full or troubled(case) != ()))


def _slot(case: Case, slot: ReplicationSlot, kept: int, *, serious: bool) -> Finding:
    free = case.evidence.database.disk_free_bytes
    left = f", and {free / (1 << 30):.1f} GiB are free" if free is not None else ""
    who = "which nobody reads" if not slot.active else "whose reader is behind"
    return Finding(
        code="F053",
        cause=f"the replication slot {slot.name}, {who}, keeps {kept / (1 << 30):.1f} GiB of WAL{left}",
        confidence=0.85 if serious else 0.6,
        why="what it keeps was measured; a migration writes WAL faster than anything else",
        evidence=(
            Exhibit(source="pg_replication_slots", text=f"{slot.name}, {slot.kind}, active {slot.active}, {slot.wal_status}"),
        ),
        next=f"find out whose it is, and bring its reader back: {psql(case, 'TABLE pg_replication_slots')}"
        if not slot.active
        else psql(case, "SELECT application_name, state, replay_lag FROM pg_stat_replication"),
        avoid="do not drop a slot whose standby or subscriber is to come back: it would have to be built anew",
        harmless=not serious,
        about=(f"slot {slot.name}",),
    )


RULES: tuple[Rule, ...] = (works, standby_waits, slot_keeps_wal)
