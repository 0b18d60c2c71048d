"""When to call the vendor, by the vendor's own criteria as the profile has them, and whom.

Not for the words of the ticket (``ticket``). The surprising thing: the clauses of a profile are prose for people, so the
criteria that can be measured are measured here, for every vendor alike, and the clauses stand in the ticket as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from lockage.core.diagnosis.findings import Case, Cause, Finding, Migrating, VendorCall
from lockage.core.diagnosis.ticket import ticket
from lockage.core.diagnosis.typed import lockage
from lockage.core.redaction import mask_secrets
from lockage.core.wording import duration

SURE = 0.5
"""How sure a finding must be to be a reason: nobody is called at night for what is less likely than not."""

EXHAUSTED = frozenset({"F006", "F007", "F008", "F009", "F051"})
"""Causes that are a want of memory or CPU: the vendor knows what sizes its migrations take."""

LOCKS = frozenset({"waiting", "deadlocks"})
"""Families of causes in which somebody's lock is in the way."""

NO_RULE = "F000"


def vendor_call(
    case: Case, *, findings: Sequence[Finding], migrating: Migrating | None, causes: Mapping[str, Cause]
) -> VendorCall | None:
    """Whom to call, why, and the text of the ticket; None where nothing asks for it."""
    reasons = tuple(dict.fromkeys(_reasons(case, findings, migrating, causes)))
    if not reasons:
        return None
    vendor = case.profile.vendor
    bundle = lockage(case, "bundle")
    return VendorCall(
        name=vendor.name or "the vendor of the application",
        contact=vendor.contact,
        reasons=tuple(map(mask_secrets, reasons)),
        ticket=ticket(case, findings=findings, migrating=migrating, reasons=reasons, bundle=bundle),
        bundle=bundle,
    )


def _reasons(
    case: Case, findings: Sequence[Finding], migrating: Migrating | None, causes: Mapping[str, Cause]
) -> Iterator[str]:
    """One clause each, the most urgent first."""
    serious = [finding for finding in findings if not finding.harmless and finding.confidence >= SURE]
    contended = [finding for finding in serious if _family(finding, causes) in LOCKS]
    limit_s = case.profile.vendor.call_after_s
    since_s = (migrating.since_s if migrating is not None else None) or 0.0
    if any(finding.code == NO_RULE for finding in serious):
        yield "no cause that Lockage knows explains what was seen"
    if since_s > limit_s and contended:
        yield f"locks have kept the migration from ending for {duration(since_s)}: {contended[0].cause}"
    elif since_s > limit_s:
        yield f"it migrates for {duration(since_s)}, longer than {duration(limit_s)}, and nobody holds a lock that it waits for"
    for code, alike in _by_code(serious).items():
        entry = causes.get(code)
        more = f"; and {len(alike) - 1} more like it" if len(alike) > 1 else ""
        roots = [finding for finding in alike if finding.because is None]
        if code in EXHAUSTED:
            yield f"memory or CPU is short: {alike[0].cause}{more}"
        elif code != NO_RULE and roots and entry is not None and entry.call_vendor:
            yield f"{roots[0].cause}{more}"


def _by_code(findings: Sequence[Finding]) -> Mapping[str, Sequence[Finding]]:
    """Findings of one code together: 200 replicas that die of one cause are one reason."""
    found: dict[str, list[Finding]] = {}
    for finding in findings:
        found.setdefault(finding.code, []).append(finding)
    return found


def _family(finding: Finding, causes: Mapping[str, Cause]) -> str:
    entry = causes.get(finding.code)
    return entry.family if entry is not None else ""
