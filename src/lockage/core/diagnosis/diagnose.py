"""From evidence to a diagnosis: runs every rule, ties what they found together, and says what is not so.

Not for rules (``families``), nor for looking (``flows``). The surprising thing: a rule that fails is a defect of ours and still
no reason to say nothing at night, so it is named among what is missing, and the other rules answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lockage.core.diagnosis.chain import tied
from lockage.core.diagnosis.evidence import Missing
from lockage.core.diagnosis.findings import Case, Cause, Diagnosis, Finding, Rule, RuledOut
from lockage.core.diagnosis.motion import migrating
from lockage.core.diagnosis.sources import in_words, seen
from lockage.core.diagnosis.unexplained import essential_unseen, is_as_wanted, unexplained
from lockage.core.diagnosis.vendor import vendor_call


def diagnose(case: Case, *, causes: Mapping[str, Cause], rules: Sequence[Rule]) -> Diagnosis:
    """What is wrong with the deployment, root causes first, and what is not; the same for the same case, always.

    ``causes`` is the whole catalogue; a cause of it is ruled out only where every source that it would show in was seen.
    """
    found, failed = _run(case, rules)
    under_way = migrating(case)
    findings, excluded = tied(found, causes)
    extra = unexplained(case, findings, under_way)
    findings, _ = tied((*findings, *extra), causes)
    healthy = all(finding.harmless for finding in findings) and not essential_unseen(case) and is_as_wanted(case.evidence)
    call = vendor_call(case, findings=findings, migrating=under_way, causes=causes)
    return Diagnosis(
        at=case.evidence.at,
        deployment=case.evidence.deployment,
        healthy=healthy,
        findings=findings,
        ruled_out=_ruled_out(case, findings, excluded, causes, failed=bool(failed)),
        migrating=under_way,
        call_vendor=call is not None,
        vendor=call,
        collected_s=case.evidence.collected_s,
        missing=(*case.evidence.missing, *failed),
    )


def _run(case: Case, rules: Sequence[Rule]) -> tuple[list[Finding], tuple[Missing, ...]]:
    found: list[Finding] = []
    failed: list[Missing] = []
    for rule in rules:
        try:
            found += rule(case)
        except Exception as error:  # noqa: BLE001 - our own defect; the other rules' answer is wanted all the more
            name = f"{rule.__module__.rpartition('.')[2]}.{rule.__name__}"
            failed.append(Missing(source=f"rule {name}", why=f"a defect of Lockage: {type(error).__name__}: {error}"))
    return found, tuple(sorted(failed, key=lambda one: one.source))


def _ruled_out(
    case: Case,
    findings: Sequence[Finding],
    excluded: Sequence[tuple[Finding, Finding]],
    causes: Mapping[str, Cause],
    *,
    failed: bool,
) -> tuple[RuledOut, ...]:
    """The causes that were looked for where they would show, and are not there, by code."""
    if failed:  # which cause the rule that failed would have found is not known
        return ()
    found = {finding.code for finding in findings}
    by = {out.code: finding for out, finding in excluded}
    ruled_out: list[RuledOut] = []
    for code, entry in sorted(causes.items()):
        if code in found or not entry.shows_in:
            continue
        if code in by:
            ruled_out.append(RuledOut(code=code, cause=entry.title, why=f"{by[code].code} is so: {by[code].cause}"))
        elif all(seen(case, source) for source in entry.shows_in):
            ruled_out.append(
                RuledOut(code=code, cause=entry.title, why=f"looked for, and not there: {in_words(entry.shows_in)}")
            )
    return tuple(ruled_out)
