"""The single steps of a recovery, each with its reason and its undoing, in the order of least force.

Not for choosing a way (``decide``). The surprising thing: there is no step "end all sessions" but the last resort, and even
that one leaves replication, whoever migrates for a living client, and a dead client's statement that commits by itself.
"""

from __future__ import annotations

from collections.abc import Iterator

from lockage.core.blockers import Blocker, Who, yields_by_itself
from lockage.core.catalog.repair import drop_index, refuses_transaction, reindex
from lockage.core.diagnosis.evidence import ReleaseRevision
from lockage.core.diagnosis.motion import waits_for_standby
from lockage.core.plan.contending import in_words
from lockage.core.plan.wording import probe_in_words
from lockage.core.recovery.scene import Scene, Wishes
from lockage.core.recovery.steps import Course, Recovery, RecoveryStep
from lockage.core.wording import counted
from lockage.errors import UsageError

ENDED = "cannot be undone: its transaction rolls back, and its client may try again"


# --- sessions ---------------------------------------------------------------------------------------------------------


def session_steps(scene: Scene, wishes: Wishes, *, restarts: bool) -> tuple[RecoveryStep, ...]:
    """What is done about sessions: orphans first, then whoever stands in the way, each by itself.

    ``restarts``: every replica ends anyway, so nothing is done about its sessions.
    """
    blockers = [blocker for blocker in scene.blockers if not (restarts and blocker.replica)]
    return (
        *(_of_orphan(blocker) for blocker in sorted(scene.orphans, key=_working_last)),
        *(step for blocker in blockers for step in _of_blocker(blocker)),
        *_of_prepared(scene, wishes),
        *(_last_resort(scene) if wishes.last_resort else ()),
    )


def wait_for(scene: Scene) -> RecoveryStep:
    """The gentlest step of all."""
    assert scene.migrator is not None
    return RecoveryStep(
        action="wait",
        target=f"backend {scene.migrator.session.pid}, which migrates",
        reason="it works: whatever ends it loses what it has done",
        undo="nothing is changed",
    )


def _working_last(blocker: Blocker) -> bool:
    return blocker.who is Who.WORKING_ORPHAN


def _of_orphan(blocker: Blocker) -> RecoveryStep:
    assert blocker.session is not None
    if blocker.who is Who.WORKING_ORPHAN:
        return RecoveryStep(
            action="wait",
            target=blocker.sentence,
            reason="its client is dead, but its statement commits by itself when it ends; then the ledger is read again",
            undo="nothing is changed",
            pid=blocker.session.pid,
            backend_start=blocker.session.backend_start,
        )
    return RecoveryStep(
        action="end-orphan",
        target=blocker.sentence,
        reason="its client is dead, so that nobody can commit what it has open, and it keeps its locks until it is ended",
        undo="cannot be undone: what a dead client had open rolls back",
        destructive=True,
        pid=blocker.session.pid,
        backend_start=blocker.session.backend_start,
    )


def _of_blocker(blocker: Blocker) -> Iterator[RecoveryStep]:
    session = blocker.session
    if session is None:
        return  # a prepared transaction has steps of its own
    if waits_for_standby(session):
        return  # it has committed: ending it undoes nothing, and tells its client that it failed
    if session.query.startswith("autovacuum:"):
        reason = (
            "an autovacuum gives way by itself"
            if yields_by_itself(session)
            else "it prevents transaction identifiers from wrapping around: ended, it begins again at once"
        )
        yield _about(blocker, "wait", reason)
        return
    whose = "a replica of the old release" if blocker.who is Who.OLD_REPLICA else "the one session"
    if session.state == "active":
        yield _about(blocker, "cancel", f"{whose} in the way: its statement is cancelled once")
    yield _about(blocker, "terminate", f"{whose} in the way, where cancelling did not help, or there is no statement to cancel")


def _about(blocker: Blocker, action: str, reason: str) -> RecoveryStep:
    assert blocker.session is not None
    waits = action == "wait"
    return RecoveryStep(
        action=action,
        target=blocker.sentence,
        reason=reason,
        undo="nothing is changed" if waits else ENDED,
        destructive=not waits,
        pid=blocker.session.pid,
        backend_start=blocker.session.backend_start,
    )


def _of_prepared(scene: Scene, wishes: Wishes) -> Iterator[RecoveryStep]:
    there = {prepared.gid for prepared in scene.prepared}
    for gid in wishes.prepared:
        if gid not in there:
            raise UsageError(
                f"no prepared transaction is called {gid}; there are: {', '.join(sorted(there)) or 'none'}",
                code="LK587",
                hint=f"lockage diagnose {scene.deployment}",
            )
    named = [p for p in scene.prepared if p.gid in wishes.prepared]
    for prepared in (*named, *(p for p in scene.blocking_prepared if p not in named)):
        # Only its owner, or a superuser, may end it; whoever is a member of that role may be it for once.
        sql = (f"SET ROLE {_quoted(prepared.owner)}", f"ROLLBACK PREPARED {_literal(prepared.gid)}")
        age = f"{prepared.age_s:.0f} s old, of {prepared.owner}"
        if prepared in named:
            yield RecoveryStep(
                action="end-prepared", target=f"prepared transaction {prepared.gid} ({age})",
                reason="it holds locks without any session, and you have named it", undo="cannot be undone: its work is lost",
                destructive=True, sql=sql, together=False, named=prepared.gid,
            )  # fmt: skip
        else:
            yield by_hand(
                f"ask the owner of prepared transaction {prepared.gid} ({age}) whether it commits or rolls back",
                "it holds locks without any session, and only its transaction manager knows what it promised",
                command=f"lockage recover {scene.deployment} --end-prepared {prepared.gid}",
            )


def _last_resort(scene: Scene) -> tuple[RecoveryStep, ...]:
    vendor = scene.profile.vendor
    return (
        RecoveryStep(
            action="end-all-others",
            target=f"every session with the database but replication, a live migration, and what commits by itself; "
            f"first call {vendor.name or 'the vendor'}{f' ({vendor.contact})' if vendor.contact else ''}",
            reason="the last resort of the vendor's guide, and only because you asked for it",
            undo=ENDED,
            destructive=True,
            named=scene.deployment,
        ),
    )


# --- the database -----------------------------------------------------------------------------------------------------


def ledger_step(scene: Scene, wishes: Wishes) -> tuple[RecoveryStep, ...]:
    """The way out of a dirty ledger; by hand where a person must say first what was applied."""
    dirty = scene.dirty
    if dirty is None:
        return _of_a_lost_ledger(scene)
    way = next((way for way in dirty.ways if way.name == (wishes.way or dirty.advised)), None)
    if way is None:
        open_ones = [v for v in dirty.statements if v.verdict == "unprovable"]
        queries = "; ".join(f"{v.query}  -- {v.means}" for v in open_ones if v.query)
        numbers = ", ".join(str(v.number) for v in open_ones)
        return (
            by_hand(
                f"find out whether statement {numbers} of {dirty.name} was applied: {queries}",
                "rows that it changed show in no catalog",
                command=f"lockage recover {scene.deployment} --applied N",
            ),
        )
    if not way.possible:
        raise UsageError(
            f"to {way.name} is no way out: {way.why}", code="LK588", hint=f"lockage recover {scene.deployment} --plan-only"
        )
    lost = f"; lost by it: {'; '.join(way.loses)}" if way.loses else ""
    return (
        RecoveryStep(
            action="mend-ledger",
            target=f"migration {dirty.version}, {dirty.name}: {way.name}; {dirty.table} is at {way.leaves} then",
            reason=f"{way.why}{lost}",
            undo="the restore point" if way.loses else f"{dirty.table} as it was: version {dirty.version}, dirty",
            destructive=bool(way.loses),
            sql=way.sql,
            together=way.together,
        ),
    )


def _of_a_lost_ledger(scene: Scene) -> tuple[RecoveryStep, ...]:
    lost = scene.lost
    if lost is None or lost.version is None:
        return ()
    others = f"; {len(lost.looked_at) - 1} others were compared, and differ" if len(lost.looked_at) > 1 else ""
    return (
        RecoveryStep(
            action="mend-ledger",
            target=f"{lost.table}, which lost its rows, is at {lost.version} then",
            reason=f"the catalog is the one that a clean run up to migration {lost.version} makes{others}",
            undo=f"the rows of {lost.table} taken away again",
            sql=lost.sql,
        ),
    )


def _of_the_catalog(scene: Scene) -> Iterator[RecoveryStep]:
    for drift in scene.drifts if scene.repairable else ():
        yield RecoveryStep(
            action="mend-catalog",
            target=drift.text,
            reason=f"a clean run up to migration {scene.version} makes it so; whoever changed it by hand is asked first",
            undo="the same by hand as it was done before",
            sql=drift.repair,
            together=not any(map(refuses_transaction, drift.repair)),
        )


def _of_indexes(scene: Scene) -> Iterator[RecoveryStep]:
    version = scene.version
    for found in scene.invalid:
        name = found.index.rpartition(".")[2]
        made_by = next((m.version for m in scene.script if name in m.text), None)
        left_by_reindex = name.rstrip("0123456789").endswith(("_ccnew", "_ccold"))
        if found.unique and made_by is None and not left_by_reindex:
            yield by_hand(
                f"see whether {found.index} on {found.relation} is wanted, and whether its rows are there twice",
                "a unique index that is invalid most often met rows that are there twice; no migration that is "
                "known here makes it",
                command=f"{drop_index(_quoted(found.index))}; or, without such rows: {reindex(_quoted(found.index))}",
            )
            continue
        if left_by_reindex or (made_by is not None and version is not None and made_by > version):
            sql, reason = drop_index(_quoted(found.index)), "left behind by a build that failed: whoever makes it makes it anew"
        else:
            sql, reason = reindex(_quoted(found.index)), "queries do not use it, and writers pay for it"
        yield RecoveryStep(
            action="mend-index", target=f"{found.index} on {found.relation}, which is invalid", reason=reason,
            undo="not needed: nobody uses it as it is", sql=(sql,), together=False,
        )  # fmt: skip


# --- the replicas -----------------------------------------------------------------------------------------------------


def workload_steps(scene: Scene, found: Recovery) -> tuple[RecoveryStep, ...]:
    """What is done about the replicas."""
    match found.course:
        case Course.NOTHING:
            return ()
        case Course.AWAIT:
            reason = "the migration goes on by itself once nobody stands in its way"
            target = f"{found.release}, until it serves"
            return (RecoveryStep(action="wait", target=target, reason=reason, undo="nothing is changed"),)
        case Course.SCALE:
            return (_scaled(scene, found),)
        case Course.ROLL:
            return (_replaced(_raised(found), scene.workload.release, found.release or ""),)
        case Course.RESTART:
            return (*_one_alone(scene, found), _raised(found))


def _raised(found: Recovery) -> RecoveryStep:
    release, count = found.release or "", found.replicas or 1
    return RecoveryStep(
        action="raise",
        target=f"{counted(count, 'replica')} of {release} with {probe_in_words(found.liveness)}",
        reason="as it was before, probe and all",
        undo="not needed: the release fits the schema",
        replicas=count,
        release=release,
        liveness=found.liveness,
    )


def _scaled(scene: Scene, found: Recovery) -> RecoveryStep:
    release, count = found.release or "", found.replicas or 1
    return RecoveryStep(
        action="scale",
        target=f"{counted(count, 'replica')} of {release}",
        reason=f"{release} fits the schema, and nobody asks for a replica of it",
        undo=f"scale back to {scene.workload.replicas}",
        replicas=count,
        release=release,
    )


def _one_alone(scene: Scene, found: Recovery) -> Iterator[RecoveryStep]:
    yield RecoveryStep(
        action="take-down",
        target=f"{counted(len(scene.replicas), 'replica')}",
        reason="so that one alone starts, and none ends or blocks it",
        undo=f"scale back to {scene.workload.replicas}",
        destructive=bool(scene.replicas),
        replicas=0,
    )
    yield RecoveryStep(
        action="roll-out",
        target=f"{found.release} with 1 replica and {probe_in_words(found.migrating_liveness)}",
        reason="the probe must outlast the migration; it is put back afterwards",
        undo="none: the schema decides which release starts",
        replicas=1,
        release=found.release,
        liveness=found.migrating_liveness,
    )


def _replaced(more: RecoveryStep, now: str, release: str) -> RecoveryStep:
    why = "what is there of it goes on serving" if now != release else "replicas of other revisions are replaced"
    return RecoveryStep(
        action="raise", target=more.target, reason=why, undo=more.undo, destructive=now != release,
        replicas=more.replicas, release=release, liveness=more.liveness,
    )  # fmt: skip


# --- the rest ---------------------------------------------------------------------------------------------------------


def left_over_steps(scene: Scene, found: Recovery, *, stuck: bool) -> tuple[RecoveryStep, ...]:
    """What broken attempts leave behind: invalid indexes, Helm's pending revision, notes and pins of ours.

    ``stuck``: Helm's revision is pending for longer than any helm waits by itself.
    """
    steps = [*_of_the_catalog(scene), *_of_indexes(scene)]
    if scene.workload.paused:
        steps.append(
            by_hand(
                f"resume the rollout of {scene.workload.name}",
                "it is paused, so that no change of it takes effect",
                command=f"kubectl rollout resume deployment/{scene.workload.name}",
            )
        )
    if scene.helm_pending is not None:
        steps.insert(0, _of_helm(scene.helm_pending, stuck=stuck))
    if (
        (scene.notes.former or scene.notes.waiver)
        and scene.notes.run is None
        and found.course in (Course.NOTHING, Course.AWAIT)
    ):
        pinned = "; ".join(in_words(c) for c in scene.notes.former.autoscalers) if scene.notes.former else ""
        steps.append(
            RecoveryStep(
                action="put-back",
                target=f"notes of Lockage{f', and {pinned}' if pinned else ''}",
                reason="a run has ended without taking them away",
                undo="not needed",
            )
        )
    return tuple(steps)


def _of_helm(pending: ReleaseRevision, *, stuck: bool) -> RecoveryStep:
    what = f"Helm's revision {pending.revision} of {pending.chart}, which is {pending.status}"
    if not stuck:
        reason = "a helm may still be at work: it writes the end itself, and until then helm refuses the next revision"
        return by_hand(f"wait for the end of {what}", reason, command="helm history; then: lockage diagnose")
    return RecoveryStep(
        action="mark-failed",
        target=what,
        reason="its helm is gone, and helm refuses the next revision until this one has ended; its objects stay as they are",
        undo="not needed: it is what an ended helm writes itself, and one that works after all writes its own end over it",
        revision=pending.revision,
    )


def by_hand(target: str, reason: str, *, command: str | None) -> RecoveryStep:
    """A step that a person must do; ``command`` is what to type first."""
    return RecoveryStep(
        action="by-hand", target=f"{target}: {command}" if command else target, reason=reason, undo="yours to say"
    )


def _quoted(name: str) -> str:
    return ".".join('"' + part.replace('"', '""') + '"' for part in name.split(".", 1))


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
