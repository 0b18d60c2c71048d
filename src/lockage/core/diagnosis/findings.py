"""What a diagnosis says (``lockage.diagnosis/1``), and what a rule is.

Not for rules (``families``). The surprising thing: a rule does not say that it found nothing. What is ruled out follows from
the catalogue of causes: each names the sources that it would show in, and is ruled out only where all of them were seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import msgspec

from lockage.core.diagnosis.evidence import Evidence, Missing
from lockage.core.progress import MigrationText
from lockage.core.release.profile import Profile


class Exhibit(msgspec.Struct, frozen=True, kw_only=True):
    """One line of evidence, with where it was seen."""

    source: str  # "events of Pod/x", "pg_stat_activity", "log of x, previous"
    text: str


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One cause, with what speaks for it and what to do.

    ``about`` are the things it speaks of ("backend 4711", "pod x", "relation public.t"): two findings are linked only where
    they share one, or where either is about nothing in particular.
    """

    code: str  # "F001"
    cause: str  # one sentence with the object, the measured value and the limit
    confidence: float  # 0 to 1
    why: str  # why so sure, or so unsure: a clause
    evidence: tuple[Exhibit, ...]
    next: str  # the next command to type, or what to do first
    avoid: str | None = None  # what would make it worse: "do not edit the Deployment now: …"
    because: str | None = None  # code of the finding that it follows from; set by the chain, not by rules
    harmless: bool = False  # true and worth saying, but no trouble: "it waits its turn"
    rules_out: tuple[str, ...] = ()  # codes that cannot be, given this
    about: tuple[str, ...] = ()


class RuledOut(msgspec.Struct, frozen=True, kw_only=True):
    """A cause that was looked for where it would show, and is not there."""

    code: str
    cause: str  # its title
    why: str  # what was seen instead, or where it would have shown


class Migrating(msgspec.Struct, frozen=True, kw_only=True):
    """A migration that is under way now."""

    pid: int
    replica: str | None
    pace: Literal["works", "waits", "hangs"] | None  # None: one look does not tell
    text: str  # one sentence: "61 % of the index, about 4 min left; do not restart it"
    progress_ratio: float | None = None
    left_s: float | None = None
    since_s: float | None = None


class VendorCall(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to call, why, and the text for the ticket."""

    name: str
    contact: str
    reasons: tuple[str, ...]
    ticket: str
    bundle: str  # the command that makes what they will ask for


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of ``lockage diagnose --json``: findings with the root cause first."""

    schema: Literal["lockage.diagnosis/1"] = "lockage.diagnosis/1"
    at: datetime
    deployment: str
    healthy: bool
    findings: tuple[Finding, ...]
    ruled_out: tuple[RuledOut, ...]
    migrating: Migrating | None
    call_vendor: bool
    vendor: VendorCall | None = None
    collected_s: float = 0.0
    missing: tuple[Missing, ...] = ()


class Cause(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One entry of the catalogue of causes: what `lockage explain` and the documentation say of it."""

    title: str  # a noun phrase: "the liveness probe kills the migrating pod"
    family: str
    symptom: str  # what a person sees
    shows_in: tuple[str, ...]  # fields of the evidence in which it would show: "platform.events", "database.looks"
    why: str  # how it comes about
    remedy: str
    prevention: str
    because_of: tuple[str, ...] = ()  # codes that it may follow from, the likeliest first
    call_vendor: bool = False
    source: str = ""  # where this is documented: a manual's chapter, an issue


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What a rule is given."""

    evidence: Evidence
    profile: Profile  # of the application, or what could be sketched of it
    known: bool = True  # False: the profile is a sketch; the ledger and the lock may be unknown
    script: tuple[MigrationText, ...] = ()  # the application's migrations, oldest first; empty when not known


Rule = Callable[[Case], Iterator[Finding]]
"""Gives what it finds, and nothing where there is nothing; pure, and right also where half of the evidence is missing."""
