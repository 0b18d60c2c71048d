"""One fault of the catalogue: how it is made for real, what must be said of it, and its harmless neighbour.

The surprising thing: what is expected is a bar for the whole answer. The expected cause stands first, nothing is named that is
not so, and no command in it destroys anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from lockage.core.diagnosis.findings import Diagnosis

LIMIT_S = 10.0
"""What a person waits for a diagnosis. Source: the promise of ``lockage diagnose``."""

DESTROYS = (
    r"pg_terminate_backend",
    r"delete\s+(pod|deployment|pvc|namespace|replicaset)",
    r"rollout\s+(undo|restart)",
    r"--force\b",
    r"--replicas[= ]0",
    r"\bhelm\s+(rollback|uninstall)",
    r"\bdrop\s+(table|database|schema|column)",
    r"\btruncate\b",
    r"kill\s+-(9|KILL)",
)
"""Advice that ends what a later minute would have finished, or that cannot be taken back."""

AROUND = ("F011",)
"""Of a process that ends by itself again and again: it waits to be started, and that is so."""

Make = Callable[[Any], AbstractContextManager[None]]
"""Makes the fault on a ground, and lets it last; what it began besides the ground's own, it ends."""


@dataclass(frozen=True, kw_only=True)
class Neighbour:
    """What looks like the fault and is none."""

    name: str
    make: Make
    says: tuple[str, ...] = ()  # harmless findings of which one at least must be there; (): none need be
    bench_only: str = ""  # why ``make test`` leaves it to ``make bench``


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One fault, what its diagnosis says, and its neighbour."""

    name: str
    code: str
    make: Make
    allowed: tuple[str, ...] = ()  # effects, and what is also so
    chained: tuple[tuple[str, str], ...] = ()  # (effect, because) pairs that must be said
    advice: tuple[str, ...] = ()  # of ``DESTROYS``, what is right here
    neighbour: Neighbour | None = None
    no_neighbour: str = ""  # why nothing harmless looks like it, where that is so
    known: bool = True  # False: diagnosed without a profile
    catalog: bool = False  # diagnosed with the schema beside that of a clean run; its neighbour too


def against_fault(fault: Fault, diagnosis: Diagnosis) -> list[str]:
    """What is wrong with the answer to a fault, one sentence each."""
    trouble = [finding for finding in diagnosis.findings if not finding.harmless]
    wrong = [*_of_any(diagnosis, allowed=fault.advice)]
    if not trouble or trouble[0].code != fault.code:
        wrong.append(f"{fault.code} is the cause, and the first finding is {said(diagnosis)}")
    wrong += [
        f"{finding.code} is not so: {finding.cause}" for finding in trouble if finding.code not in {fault.code, *fault.allowed}
    ]
    links = {(finding.code, finding.because) for finding in diagnosis.findings}
    wrong += [f"it does not say that {effect} is because of {because}" for effect, because in fault.chained
              if (effect, because) not in links]  # fmt: skip
    if diagnosis.healthy:
        wrong.append("it is called healthy")
    return wrong


def against_neighbour(neighbour: Neighbour, diagnosis: Diagnosis) -> list[str]:
    """What is wrong with the answer to a harmless neighbour."""
    wrong = [*_of_any(diagnosis, allowed=())]
    wrong += [f"a false alarm, {finding.code}: {finding.cause}" for finding in diagnosis.findings if not finding.harmless]
    if neighbour.says and not {finding.code for finding in diagnosis.findings} & set(neighbour.says):
        wrong.append(f"it does not say {' or '.join(neighbour.says)}, but {said(diagnosis)}")
    return wrong


def said(diagnosis: Diagnosis) -> str:
    """The findings in one line each, or that there are none."""
    return "\n  ".join(f"{f.code} {f.confidence:.2f} {f.cause}" for f in diagnosis.findings) or "none"


def destroys(command: str, *, allowed: tuple[str, ...] = ()) -> str | None:
    """The pattern of ``DESTROYS`` that the advice fits."""
    return next((p for p in DESTROYS if p not in allowed and re.search(p, command, re.IGNORECASE)), None)


def _of_any(diagnosis: Diagnosis, *, allowed: tuple[str, ...]) -> list[str]:
    wrong = [f"{one.source}: {one.why}" for one in diagnosis.missing if "a defect of Lockage" in one.why]
    if diagnosis.collected_s > LIMIT_S:  # by its own clock: how full the machine of the test is, is no part of it
        wrong.append(f"it looked for {diagnosis.collected_s:.1f} s")
    for finding in diagnosis.findings:
        if (pattern := destroys(finding.next, allowed=allowed)) is not None:
            wrong.append(f"{finding.code} advises {finding.next!r}, which destroys ({pattern})")
        if not finding.next or not finding.evidence:
            wrong.append(f"{finding.code} has no next step or no evidence")
    return wrong
