"""A recovery of the replicas as a plan of one hop, so that the machinery of runs carries it out, journal, notes and all.

Not for deciding. The surprising thing: such a hop may go from a release to itself. What was there before then looks like the
end, so the plan says since when replicas are its own: those made after ``created_at``, which is the newest one's that was seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
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
    making = _Making(found=found, workload=workload, profile=profile, autoscalers=autoscalers, settings=settings)
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
            hops=(making.hop(),),
            warnings=found.warnings,
            on_blocker=s.OnBlocker.WAIT,
            tolerances=s.Tolerances(),
            facts_digest="",
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Making:
    """The one hop in the making."""

    found: Recovery
    workload: Workload
    profile: Profile
    autoscalers: tuple[str, ...]
    settings: Settings

    def hop(self) -> s.Hop:
        rolls = self.found.course is Course.ROLL
        return s.Hop(
            from_release=self.workload.release,
            to_release=self._release,
            strategy=s.Strategy.ROLLING if rolls else s.Strategy.SCALE_TO_ZERO,
            reasons=(RECOVERS, self.found.because),
            would_change=(),
            considered=(),
            forecast=s.HopForecast(
                migrations=None,
                total_s=Seconds(low=0.0, likely=self.profile.vendor.typical_s, high=None),
                worst=Blocks.READS,
                blocked=(),
                broken=0,
                statements_checked=0,
                unknown=1,
            ),
            kill_budget_s=self._budget_s,
            steps=(self._note(), *(() if rolls else self._one_alone()), *self._all_again()),
        )

    @property
    def _release(self) -> str:
        return self.found.release or ""

    @property
    def _budget_s(self) -> float:
        probe = self.found.migrating_liveness
        return probe.kill_budget_s if probe is not None else self.profile.max_kill_budget_s

    def _note(self) -> s.AnyStep:
        look_s, most_s = self.settings.expected.look_s, self.settings.limits.look_s
        return s.NoteFormerState(undo="remove the lockage.dev annotations", expected_s=look_s, limit_s=most_s)

    def _one_alone(self) -> Iterator[s.AnyStep]:
        """All are taken down, and one starts with a probe that outlasts its migration."""
        limits, expected = self.settings.limits, self.settings.expected
        if self.autoscalers:
            yield s.PinContenders(
                replicas=1, autoscalers=self.autoscalers, undo="put them back as they were noted", expected_s=expected.look_s,
                limit_s=limits.look_s,
            )  # fmt: skip
        yield s.ScaleDown(
            replicas=0, undo=f"scale back to {self.workload.replicas}", expected_s=expected.termination_s,
            limit_s=self.workload.grace_s + limits.replicas_gone_margin_s,
        )  # fmt: skip
        yield s.ClearSessions(
            undo="cannot be undone: what a dead client had open rolls back, or has committed by itself",
            expected_s=expected.look_s, limit_s=limits.sessions_gone_s,
        )  # fmt: skip
        yield s.RollOut(
            release=self._release, replicas=1, liveness=self.found.migrating_liveness,
            undo="nothing that the schema would allow", expected_s=expected.start_s, limit_s=limits.start_s,
        )  # fmt: skip
        yield s.GuardMigration(
            ledger=self.found.ends_at, ledger_before=self.found.ledger, late_after_s=None,
            undo="cannot be undone: a schema that has moved goes back only by the restore point",
            expected_s=self.profile.vendor.typical_s, limit_s=self._budget_s + limits.ready_margin_s,
        )  # fmt: skip

    def _all_again(self) -> Iterator[s.AnyStep]:
        """All replicas as they shall be, and the proof: behind a migration before the others start, else when they have."""
        limits, expected = self.settings.limits, self.settings.expected
        rolls = self.found.course is Course.ROLL
        verify = s.Verify(
            release=self._release, ledger=self.found.ends_at, ledger_before=self.found.ledger, undo="nothing is changed",
            expected_s=expected.look_s, limit_s=limits.rollout_s if rolls else limits.look_s,
        )  # fmt: skip
        more = s.RaiseReplicas(
            release=self._release, replicas=self.found.replicas or 1, liveness=self.found.liveness,
            undo="not needed: the release fits the schema", expected_s=expected.start_s + expected.boot_s,
            limit_s=limits.rollout_s,
        )  # fmt: skip
        yield from (more, verify) if rolls else (verify, more)
        yield s.Restore(
            undo="not needed: only our own notes go", expected_s=limits.soak_s, limit_s=limits.soak_s + limits.look_s
        )
