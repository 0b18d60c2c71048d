"""The path: a jump that the vendor forbids, and old and new replicas that must not run together.

Pure. The surprising thing: a forbidden jump that is over is no finding. It counts while it is under way or has failed, which is
when going through the other release still helps, or explains why nothing ends.
"""

from __future__ import annotations

from collections.abc import Iterator

from lockage.core.diagnosis.findings import Case, Exhibit, Finding, Rule
from lockage.core.diagnosis.present import all_well
from lockage.core.diagnosis.sources import last_of_image
from lockage.core.diagnosis.ticket import jump_of, ledger_in_words
from lockage.core.diagnosis.typed import lockage, psql
from lockage.core.diagnosis.under_migration import migrator
from lockage.core.facts import LedgerState, Replica, ReplicaPhase
from lockage.core.release.advisories import ForbiddenOverlap, advisories_for, detours_for, is_version
from lockage.core.wording import counted


def forbidden_jump(case: Case) -> Iterator[Finding]:
    """F071: what is under way, or has failed, is a jump that the vendor sends through another release."""
    jump = _jump(case)
    if jump is None or (all_well(case) and migrator(case) is None) or _has_arrived(case):
        return
    start, end = jump
    detours = detours_for(case.profile.advisories, from_release=start, to_release=end)
    if not detours:
        return
    detour = detours[0]
    where = " → ".join((start, *(one.via for one in detours), end))
    yield Finding(
        code="F071",
        cause=f"the vendor forbids the jump {start} → {end}: {detour.reason}; the way is {where}",
        confidence=0.9,
        why=f"advisory {detour.code} of {detour.date} says so, and the jump is not over",
        evidence=(
            Exhibit(source=f"advisory {detour.code}, {detour.source}", text=detour.reason),
            Exhibit(source="revisions of the Deployment", text=f"from {start} to {end}"),
            *_ledger(case),
        ),
        next=lockage(case, "recover", "--plan-only"),
        avoid="do not roll the old image back before the ledger is known to be where the old release ends: "
        "a migration that is under way may still commit",
    )


def forbidden_overlap(case: Case) -> Iterator[Finding]:
    """F072: replicas of two releases run that must never run together."""
    jump = _jump(case)
    replicas = case.evidence.platform.replicas
    if jump is None or replicas is None:
        return
    start, end = jump
    old, new = _running(replicas, start), _running(replicas, end)
    if not old or not new:
        return
    speaking = advisories_for(case.profile.advisories, from_release=start, to_release=end)
    for advisory in speaking:
        if isinstance(advisory, ForbiddenOverlap):
            yield _overlap(case, advisory, old=old, new=new)


def _overlap(case: Case, advisory: ForbiddenOverlap, *, old: tuple[Replica, ...], new: tuple[Replica, ...]) -> Finding:
    concerned = f", where {advisory.detect_text}" if advisory.detect_text else ""
    beside = f"{counted(len(old), 'replica')} of {old[0].release} beside {counted(len(new), 'replica')} of {new[0].release}"
    why, following = f"advisory {advisory.code} of {advisory.date} says so", lockage(case, "recover", "--plan-only")
    if advisory.detect is not None:
        why += "; whether this deployment is concerned only a query tells, and unknown is worst case"
        following = psql(case, " ".join(advisory.detect.split()))
    return Finding(
        code="F072",
        cause=f"{beside} run, which must never run together{concerned}: {advisory.reason}",
        confidence=0.9 if advisory.detect is None else 0.5,
        why=why,
        evidence=(
            Exhibit(source="replicas", text=", ".join(f"{r.name} runs {r.release}" for r in (*old, *new))),
            Exhibit(source=f"advisory {advisory.code}, {advisory.source}", text=advisory.detect or advisory.reason),
        ),
        next=following,
        avoid="do not leave them side by side to see whether it works: what they do to each other shows later",
        about=tuple(f"pod {r.name}" for r in (*old, *new)),
    )


def _running(replicas: tuple[Replica, ...], release: str) -> tuple[Replica, ...]:
    ended = (ReplicaPhase.PENDING, ReplicaPhase.BACK_OFF)
    return tuple(r for r in replicas if r.release == release and r.phase not in ended)


def _jump(case: Case) -> tuple[str, str] | None:
    """From and to, where both are releases."""
    jump = jump_of(case.evidence)
    if jump is None or jump[0] is None or not (is_version(jump[0]) and is_version(jump[1])):
        return None
    return jump[0], jump[1]


def _has_arrived(case: Case) -> bool:
    """Whether the ledger shows that all migrations of the jump are done: then the detour comes too late to matter."""
    ledger, last = case.evidence.database.ledger, last_of_image(case)
    return (
        ledger is not None
        and ledger.state is LedgerState.READ
        and not ledger.dirty
        and last is not None
        and ledger.version == last
    )


def _ledger(case: Case) -> Iterator[Exhibit]:
    ledger = case.evidence.database.ledger
    if ledger is not None:
        yield Exhibit(source=ledger.table, text=ledger_in_words(ledger))


RULES: tuple[Rule, ...] = (forbidden_jump, forbidden_overlap)
