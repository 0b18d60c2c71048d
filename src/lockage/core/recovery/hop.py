"""A recovery of the replicas as a plan of one hop, so that the machinery of runs carries it out, journal, notes and all.

Not for deciding. The surprising thing: such a hop may go from a release to itself. What was there before then looks like the
end, so the plan says since when replicas are its own: those made after ``created_at``, which is the newest one's that was seen.
"""

from __future__ import annotations

from datetime import datetime

from lockage.core.facts import Workload
from lockage.core.forecast.assess import Blocks, Seconds
from lockage.core.plan import steps as s
from lockage.core.plan.digest import sealed
from lockage.core.recovery.steps import Course, Recovery
from lockage.core.release.profile import Profile
from lockage.settings import Settings

RECOVERS = "recovery: this release was chosen by the schema"
"""First reason of a hop that recovers."""


def recovers(hop: s.Hop) -> bool:
    """Whether a hop is a recovery's, and no upgrade's."""
    return hop.reasons[:1] == (RECOVERS,)


def as_plan(
    found: Recovery,
    *,
    workload: Workload,
    profile: Profile,
    newest_replica_at: datetime,
    autoscalers: tuple[str, ...],
    settings: Settings,
) -> s.Plan:
    """The plan of a recovery by rolling or restarting."""
    assert found.release is not None
    assert found.replicas is not None
    hop = s.Hop(
        from_release=workload.release,
        to_release=found.release,
        strategy=s.Strategy.ROLLING if found.course is Course.ROLL else s.Strategy.SCALE_TO_ZERO,
        reasons=(RECOVERS, found.because),
        would_change=(),
        considered=(),
        forecast=s.HopForecast(
            migrations=None,
            total_s=Seconds(low=0.0, likely=profile.vendor.typical_s, high=None),
            worst=Blocks.READS,
            blocked=(),
            broken=0,
            statements_checked=0,
            unknown=1,
        ),
        kill_budget_s=_budget_s(found, profile),
        steps=_steps(found, workload, profile, autoscalers, settings),
    )
    return sealed(
        s.Plan(
            deployment=found.deployment,
            created_at=newest_replica_at,
            from_release=workload.release,
            to_release=found.release,
            replicas=found.replicas,
            liveness=found.liveness,
            migrations=None,
            minors=0,
            hops=(hop,),
            warnings=found.warnings,
            on_blocker=s.OnBlocker.WAIT,
            tolerances=s.Tolerances(),
            facts_digest="",
        )
    )


def _budget_s(found: Recovery, profile: Profile) -> float:
    probe = found.migrating_liveness
    return probe.kill_budget_s if probe is not None else profile.max_kill_budget_s


def _steps(
    found: Recovery, workload: Workload, profile: Profile, autoscalers: tuple[str, ...], settings: Settings
) -> tuple[s.AnyStep, ...]:
    limits, expected, release, replicas = settings.limits, settings.expected, found.release or "", found.replicas or 1
    look_s, most_s = expected.look_s, limits.look_s
    note = s.NoteFormerState(undo="remove the lockage.dev annotations", expected_s=look_s, limit_s=most_s)
    verify = s.Verify(
        release=release, ledger=found.ends_at, ledger_before=found.ledger, undo="nothing is changed", expected_s=look_s,
        limit_s=limits.rollout_s if found.course is Course.ROLL else most_s,
    )  # fmt: skip
    more = s.RaiseReplicas(
        release=release, replicas=replicas, liveness=found.liveness, undo="not needed: the release fits the schema",
        expected_s=expected.start_s + expected.boot_s, limit_s=limits.rollout_s,
    )  # fmt: skip
    end = s.Restore(undo="not needed: only our own notes go", expected_s=limits.soak_s, limit_s=limits.soak_s + limits.look_s)
    if found.course is Course.ROLL:
        return (note, more, verify, end)
    pin = s.PinContenders(
        replicas=1, autoscalers=autoscalers, undo="put them back as they were noted", expected_s=look_s, limit_s=most_s
    )
    return (
        note,
        *((pin,) if autoscalers else ()),
        s.ScaleDown(
            replicas=0, undo=f"scale back to {workload.replicas}", expected_s=expected.termination_s,
            limit_s=workload.grace_s + limits.replicas_gone_margin_s,
        ),
        s.ClearSessions(
            undo="cannot be undone: what a dead client had open rolls back, or has committed by itself",
            expected_s=expected.look_s, limit_s=limits.sessions_gone_s,
        ),
        s.RollOut(
            release=release, replicas=1, liveness=found.migrating_liveness, undo="nothing that the schema would allow",
            expected_s=expected.start_s, limit_s=limits.start_s,
        ),
        s.GuardMigration(
            ledger=found.ends_at, ledger_before=found.ledger, late_after_s=None,
            undo="cannot be undone: a schema that has moved goes back only by the restore point",
            expected_s=profile.vendor.typical_s, limit_s=_budget_s(found, profile) + limits.ready_margin_s,
        ),
        verify,
        more,
        end,
    )  # fmt: skip
