"""What a recovery is decided from: the evidence, boiled down to whom it concerns.

Not for judging causes: findings do. The surprising thing: sessions are judged here again, and not by the findings' words,
because what ends a session must rest on the session itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from lockage.core.blockers import Blocker, Who, blockers_of, classify
from lockage.core.catalog.drift import Drift
from lockage.core.diagnosis.evidence import Evidence, InvalidIndex, PreparedTransaction, ReleaseRevision
from lockage.core.facts import (
    Activity,
    Contender,
    ContenderKind,
    LedgerReading,
    LedgerState,
    OwnedSession,
    Probe,
    Replica,
    ReplicaPhase,
    Workload,
)
from lockage.core.progress import MigrationText, migration_session
from lockage.core.recovery.dirty import DirtyLedger
from lockage.core.recovery.lost import LostLedger
from lockage.core.release.fits import Fit, ReleaseMigrations, ending_at, fit_of
from lockage.core.release.profile import Profile
from lockage.core.run import Notes
from lockage.errors import RefusedError

KILLED = frozenset({137, 143})
"""Exit codes of a process that somebody has ended: 128 and the number of SIGKILL or SIGTERM."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What a person asked of a recovery."""

    to_release: str | None = None
    replicas: int | None = None
    probe_budget_s: float | None = None
    way: str | None = None  # out of a dirty ledger
    prepared: tuple[str, ...] = ()  # prepared transactions that may be rolled back, by their names
    last_resort: bool = False
    restart_hung: bool = False  # replicas may be restarted though one of them holds a migration that seems to hang


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Everything that decides."""

    deployment: str
    profile: Profile
    workload: Workload
    replicas: tuple[Replica, ...]
    ledger: LedgerReading
    activity: Activity
    owned: tuple[OwnedSession, ...]
    prepared: tuple[PreparedTransaction, ...]
    invalid: tuple[InvalidIndex, ...]
    contenders: tuple[Contender, ...]
    notes: Notes
    releases: tuple[ReleaseMigrations, ...]
    shown: tuple[str, ...]  # releases that this deployment has had replicas of, the newest revision first
    rollable: tuple[str, ...]  # releases that can be rolled out here; empty: not known
    wanted_before: int | None  # replicas that an earlier look or revision wanted
    helm_pending: ReleaseRevision | None  # Helm's newest revision where it is pending
    script: tuple[MigrationText, ...]
    dirty: DirtyLedger | None = None
    lost: LostLedger | None = None  # the ledger has no rows, though tables are there
    drifts: tuple[Drift, ...] = ()  # where the catalog differs from a clean run's; empty: it does not, or was not compared

    # --- the schema --------------------------------------------------------------------------------------------------

    @property
    def version(self) -> int | None:
        """The ledger's version where it is clean and was read."""
        clean = self.ledger.state is LedgerState.READ and not self.ledger.dirty
        return self.ledger.version if clean else 0 if self.ledger.state is LedgerState.EMPTY else None

    def fit(self, release: str, version: int | None) -> Fit:
        """How a release stands to a version of the ledger."""
        known = self.known(release)
        return Fit.UNKNOWN if known is None or version is None else fit_of(known, version)

    def known(self, release: str) -> ReleaseMigrations | None:
        """What is known of a release's migrations."""
        return next((one for one in self.releases if one.release == release), None)

    def ends(self, version: int) -> tuple[str, ...]:
        """Releases that end at a version and can be rolled out here, those that this deployment has had first."""
        fitting = [r for r in ending_at(self.releases, version) if not self.rollable or r in self.rollable]
        had = [r for r in self.shown if r in fitting]
        return (*had, *(r for r in reversed(fitting) if r not in had))

    # --- the sessions ------------------------------------------------------------------------------------------------

    @property
    def orphans(self) -> tuple[Blocker, ...]:
        """Backends of dead clients that hold anything."""
        return tuple(
            Blocker(who=classify(o, replicas={}, target=""), session=o.session)
            for o in self.owned
            if o.orphan and (o.session.in_transaction or o.session.relation_locks or o.session.advisory_locks)
        )

    @property
    def migrator(self) -> OwnedSession | None:
        """The live session that migrates; None where none does, or only a dead client's."""
        lock = self.profile.migrations.advisory_lock
        target = self.workload.release
        found = migration_session(self.owned, self.replicas, advisory_lock=lock, target=target)
        return found if found is not None and not found.orphan else None

    @property
    def waiting(self) -> OwnedSession | None:
        """The live session that migrates, or would, and waits for a lock."""
        migrator = self.migrator
        if migrator is not None and migrator.session.waits_for_lock:
            return migrator
        starting = {r.name for r in self.replicas if not r.ready}
        return next((o for o in self.owned if o.replica in starting and o.session.waits_for_lock), None)

    @property
    def blockers(self) -> tuple[Blocker, ...]:
        """Whoever a migrating, or a starting, session waits for, orphans left out."""
        waiting = self.waiting
        if waiting is None:
            return ()
        found = blockers_of(
            waiting.session.pid,
            activity=self.activity,
            owned=self.owned,
            replicas=self.replicas,
            target=self.workload.release,
        )
        dead = (Who.DOOMED_ORPHAN, Who.WORKING_ORPHAN, Who.LOCKAGE)
        return tuple(b for b in found if b.who not in dead and b.session is not waiting.session)

    @property
    def blocking_prepared(self) -> tuple[PreparedTransaction, ...]:
        """Prepared transactions that somebody waits for; all of them where that cannot be told."""
        waited = {k.relation for s in self.activity.sessions for k in s.relation_locks if not k.granted}
        if not any(b.who is Who.PREPARED for b in self.blockers):
            return ()
        holding = tuple(p for p in self.prepared if any(k.relation in waited for k in p.relation_locks))
        return holding or self.prepared

    # --- the replicas ------------------------------------------------------------------------------------------------

    @property
    def owners(self) -> tuple[Contender, ...]:
        """Controllers whose own the workload is."""
        return tuple(c for c in self.contenders if c.kind is ContenderKind.OWNER and not c.paused)

    @property
    def autoscalers(self) -> tuple[Contender, ...]:
        """Autoscalers at work."""
        return tuple(c for c in self.contenders if c.kind is ContenderKind.AUTOSCALER and not c.paused)

    def serving(self, release: str) -> bool:
        """Whether a replica of a release serves."""
        return any(r.ready and r.release == release for r in self.replicas)

    def was_killed(self, release: str) -> bool:
        """Whether a replica of a release ended by a signal that it did not send itself, and not for want of memory."""
        exits = [r.last_exit for r in self.replicas if r.release == release and r.last_exit is not None]
        return any(one.code in KILLED and one.reason != "OOMKilled" for one in exits)

    @property
    def repairable(self) -> bool:
        """Whether every difference of the catalog has a repair that ends nothing which holds data."""
        return bool(self.drifts) and all(drift.repair and not drift.destructive for drift in self.drifts)

    @property
    def whole(self) -> bool:
        """Whether every replica that is asked for serves, and no other is left."""
        mine = [r for r in self.replicas if r.release == self.workload.release and r.ready]
        return len(mine) == len(self.replicas) == self.workload.replicas > 0

    def replicas_wanted(self, wishes: Wishes) -> tuple[int, str | None]:
        """How many replicas there should be, and what was assumed for that."""
        former = self.notes.former
        said = wishes.replicas or (former.replicas if former else None) or self.workload.replicas or self.wanted_before
        if said:
            return said, None
        least = max((c.minimum or 0 for c in self.autoscalers), default=0)
        if least:
            return least, f"{least} replicas, the least of {self.autoscalers[0].object}"
        return 1, "nobody says how many replicas there were, so one is started: --replicas N"

    @property
    def liveness(self) -> Probe | None:
        """The liveness probe that replicas have in ordinary times."""
        return self.notes.former.liveness if self.notes.former else self.workload.liveness

    @property
    def newest_replica_at(self) -> datetime:
        """When the newest replica was made, by the platform's clock; the database's where there is none."""
        return max((r.created_at for r in self.replicas), default=self.activity.at)


def scene_of(
    evidence: Evidence,
    profile: Profile,
    *,
    notes: Notes,
    releases: Sequence[ReleaseMigrations],
    rollable: Sequence[str] = (),
    script: Sequence[MigrationText] = (),
    dirty: DirtyLedger | None = None,
) -> Scene:
    """The scene. Raises ``RefusedError`` (LK584) naming what was not seen and must be."""
    platform, database = evidence.platform, evidence.database
    missing = _missing(evidence)
    if platform.workload is None or database.ledger is None or not database.looks or database.owned is None:
        raise RefusedError(
            f"{evidence.deployment} cannot be recovered while this is not seen: {missing}",
            code="LK584",
            hint=f"lockage diagnose {evidence.deployment}",
        )
    revisions = sorted(platform.revisions or (), key=lambda r: -r.number)
    return Scene(
        deployment=evidence.deployment,
        profile=profile,
        workload=platform.workload,
        replicas=tuple(r for r in platform.replicas or () if r.phase is not ReplicaPhase.TERMINATING),
        ledger=database.ledger,
        activity=database.looks[-1],
        owned=database.owned,
        prepared=database.prepared or (),
        invalid=tuple(i for i in database.invalid_indexes or () if not i.building),
        contenders=platform.contenders or (),
        notes=notes,
        releases=tuple(releases),
        shown=tuple(dict.fromkeys(_shown(platform.replicas or (), [r.release for r in revisions]))),
        rollable=tuple(rollable),
        wanted_before=max((r.wanted for r in revisions), default=0) or None,
        helm_pending=_pending(platform.releases or ()),
        script=tuple(script),
        dirty=dirty,
    )


def _pending(history: Sequence[ReleaseRevision]) -> ReleaseRevision | None:
    return history[-1] if history and history[-1].status.startswith("pending-") else None


def _shown(replicas: Sequence[Replica], revisions: Sequence[str]) -> list[str]:
    return [*(r.release for r in replicas if r.ready), *revisions, *(r.release for r in replicas)]


def _missing(evidence: Evidence) -> str:
    seen: Mapping[str, object] = {
        "the workload": evidence.platform.workload,
        "the ledger": evidence.database.ledger,
        "the database's sessions": evidence.database.owned,
    }
    why = {m.source: m.why for m in evidence.missing}
    trouble = evidence.database.trouble
    said = [name for name, value in seen.items() if value is None]
    return ", ".join(said) + (f" ({trouble.text})" if trouble else f" ({'; '.join(why.values())})" if why else "")
