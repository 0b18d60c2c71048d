"""A step, a range of seconds and a probe in words, for every place where a plan is read by people.

Not for deciding. The surprising thing: the same sentence stands in the text, in the runbook and on the screen during a run, so
that a person finds again what was approved.
"""

from __future__ import annotations

from typing import assert_never

from lockage.core.facts import Probe
from lockage.core.forecast.assess import Blocks, Seconds
from lockage.core.plan import steps as s
from lockage.core.release.profile import Profile
from lockage.core.wording import counted, duration, listed

SHORTEST_S = 0.00095
"""What is shorter is no millisecond."""


def step_name(step: s.AnyStep) -> str:
    """The step's name as it stands in a plan file."""
    tag = step.__struct_config__.tag
    assert isinstance(tag, str), "every step has a name"
    return tag


def step_in_words(step: s.AnyStep) -> str:  # noqa: C901, PLR0911, PLR0912 one arm a step, and no other logic
    """What shall be true behind the step, in one sentence without a full stop."""
    match step:
        case s.CheckFacts():
            return "the facts the plan stands on still hold"
        case s.CheckAdvisories(conditions=conditions):
            return f"what {listed(tuple(c.code for c in conditions))} asks for is so"
        case s.Prepare(release=release):
            return f"a replica of {release} would be accepted and could start"
        case s.BackUp():
            return "a restore point is named, or its absence accepted"
        case s.SettleForeignSessions(relations=relations):
            where = f" on {listed(relations)}" if relations else ""
            return f"no foreign session holds what the migration would wait for{where}"
        case s.NoteFormerState():
            return "the object says how it was"
        case s.PinContenders(replicas=replicas, autoscalers=autoscalers):
            verb = "keeps" if len(autoscalers) == 1 else "keep"
            return f"{listed(autoscalers)} {verb} exactly {counted(replicas, 'replica')}"
        case s.HandOver(owners=owners, release=release, replicas=replicas, liveness=liveness, complete=complete):
            so = ", and every replica is so" if complete else ""
            verb = "asks" if len(owners) == 1 else "ask"
            wish = f"{release} with {counted(replicas, 'replica')}"
            return f"{listed(owners)} {verb} for {wish} and {probe_in_words(liveness)}{so}"
        case s.ScaleDown(replicas=replicas):
            left = "one old replica is left" if replicas == 1 else "no old replica is left"
            return f"{left}, and the processes of the others have ended"
        case s.ClearSessions():
            return "no dead client's backend holds a lock, and no old session stands in the way"
        case s.RollOut(release=release, replicas=replicas, liveness=liveness):
            return f"{release} is asked for with {counted(replicas, 'replica')} and {probe_in_words(liveness)}"
        case s.GuardMigration():
            return f"the ledger {ledger_in_words(step)}, and a new replica is ready"
        case s.Verify(release=release):
            return f"version {release} and that the ledger {ledger_in_words(step)}, health and service are proved"
        case s.RaiseReplicas(release=release, replicas=replicas, liveness=liveness):
            return f"{counted(replicas, 'replica')} of {release} with {probe_in_words(liveness)}, and no old one is left"
        case s.LeaveWhen(text=text):
            return text
        case s.Restore():
            return "our notes are gone, and the deployment has stayed healthy"
        case _:
            assert_never(step)


def ledger_in_words(step: s.GuardMigration | s.Verify) -> str:
    """Where the ledger must be behind a step: a predicate."""
    if step.ledger is not None:
        return f"is at {step.ledger}"
    if step.ledger_before is not None:
        return f"is clean and not below {step.ledger_before} (where it ends is not known)"
    return "is clean (where it ends is not known)"


def vendor_in_words(profile: Profile) -> str:
    """Whom to ask: a name, and where they are."""
    vendor = profile.vendor
    return f"{vendor.name or 'the vendor'} ({vendor.contact})" if vendor.contact else vendor.name or "the vendor"


def probe_in_words(probe: Probe | None) -> str:
    """A liveness probe by its kill budget."""
    if probe is None:
        return "no liveness probe"
    return f"a liveness probe that kills after {duration(probe.kill_budget_s)} (failureThreshold {probe.failure_threshold})"


def range_in_words(seconds: Seconds) -> str:
    """``9.0 s likely (4.0 s to 21 s)``; an unknown high end is said."""
    high = "unknown" if seconds.high is None else duration(seconds.high)
    return f"{duration(seconds.likely)} likely ({duration(seconds.low)} to {high})"


def time_in_words(seconds: float) -> str:
    """Seconds, with as many digits as matter; milliseconds where they are few."""
    if seconds <= 0:
        return "0 s"
    if seconds < 0.0995:
        return f"{seconds * 1000:.0f} ms" if seconds >= SHORTEST_S else "under 1 ms"
    return duration(seconds)


def blocks_in_words(blocks: Blocks) -> str:
    """Who waits."""
    match blocks:
        case Blocks.READS:
            return "readers and writers"
        case Blocks.WRITES:
            return "writers"
        case Blocks.ROWS:
            return "writers of changed rows"
        case Blocks.NONE:
            return "nobody"
        case _:
            assert_never(blocks)
