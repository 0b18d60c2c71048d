"""Puts findings together: duplicates and what is ruled out go, each effect is tied to its cause, root causes come first.

Not for finding anything. The surprising thing: the order in which rules gave their findings decides nothing, so everything
is sorted before it is compared, and a circle of "because" is left open at its least likely link.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import structs

from lockage.core.diagnosis.findings import Cause, Finding

EFFECT_WEIGHT = 0.05
"""How much surer a root cause counts in the order for each finding that follows from it: who explains more comes first."""

MOST_EFFECTS = 4

WHOLE = "deployment "
"""How the name of what has all replicas begins: what is said of it is said of each of them."""


def tied(
    found: Iterable[Finding], causes: Mapping[str, Cause]
) -> tuple[tuple[Finding, ...], tuple[tuple[Finding, Finding], ...]]:
    """The findings that remain, chained and in order; and each that was ruled out, with the finding that rules it out."""
    remaining, excluded = _admitted(_distinct(found))
    return _ordered(_chained(remaining, causes)), excluded


def linked(one: Finding, other: Finding) -> bool:
    """Whether they speak of the same thing, or one of them of nothing in particular, or of the deployment as a whole."""
    return _is_general(one) or _is_general(other) or bool(set(one.about) & set(other.about))


def _is_general(finding: Finding) -> bool:
    return not finding.about or any(thing.startswith(WHOLE) for thing in finding.about)


def _distinct(found: Iterable[Finding]) -> list[Finding]:
    """One finding a code and set of things, the surest; in an order of their own."""
    best: dict[tuple[str, frozenset[str]], Finding] = {}
    for finding in sorted(found, key=_sort_key):
        best.setdefault((finding.code, frozenset(finding.about)), finding)
    return list(best.values())


def _sort_key(finding: Finding) -> tuple[object, ...]:
    evidence = tuple((exhibit.source, exhibit.text) for exhibit in finding.evidence)
    said = (finding.cause, finding.why, finding.next, finding.avoid or "", evidence, finding.rules_out)
    return (-finding.confidence, finding.harmless, finding.code, finding.about, said)


def _admitted(findings: Sequence[Finding]) -> tuple[list[Finding], tuple[tuple[Finding, Finding], ...]]:
    """What nothing that remains rules out; and what is ruled out, with by which.

    Being less sure does not keep a finding from ruling another out: what is particular is said instead of what is general.
    """
    open_ones, remaining = list(findings), list[Finding]()
    excluded: list[tuple[Finding, Finding]] = []
    while open_ones:
        free = (one for one in open_ones if not any(_prevails(other, one, findings) for other in open_ones))
        kept = next(free, open_ones[0])  # in a circle the surest
        remaining.append(kept)
        gone = [one for one in open_ones if _excludes(kept, one)]
        excluded += [(one, kept) for one in gone]
        open_ones = [one for one in open_ones if one is not kept and one not in gone]
    return remaining, tuple(excluded)


def _prevails(one: Finding, other: Finding, findings: Sequence[Finding]) -> bool:
    """Whether it rules the other out; of two that rule each other out, the surer, which stands earlier, does."""
    return _excludes(one, other) and not (_excludes(other, one) and findings.index(other) < findings.index(one))


def _excludes(one: Finding, other: Finding) -> bool:
    return other.code in one.rules_out and other.code != one.code and not _of_other_replicas(one, other)


def _of_other_replicas(one: Finding, other: Finding) -> bool:
    """Whether each names replicas and none is in both: then neither says anything of the other's."""
    first, second = _replicas(one), _replicas(other)
    return bool(first) and bool(second) and not first & second


def _replicas(finding: Finding) -> set[str]:
    return {thing for thing in finding.about if thing.startswith(("pod ", "replica "))}


# --- because ----------------------------------------------------------------------------------------------------------


def _chained(findings: Sequence[Finding], causes: Mapping[str, Cause]) -> list[Finding]:
    links: dict[int, str] = {}
    follows: dict[str, set[str]] = {}
    for _, index, code in sorted(_possible_links(findings, causes)):
        # By code and not by finding: readers follow the codes, and must never come back to where they were.
        if index in links or findings[index].code in _reached(code, follows):
            continue
        links[index] = code
        follows.setdefault(findings[index].code, set()).add(code)
    return [structs.replace(finding, because=links.get(index)) for index, finding in enumerate(findings)]


def _possible_links(findings: Sequence[Finding], causes: Mapping[str, Cause]) -> Iterable[tuple[int, int, str]]:
    """(how likely, 0 first; place of the effect; code of the cause) of each link that the catalogue allows."""
    by_code: dict[str, list[Finding]] = {}
    for finding in findings:
        by_code.setdefault(finding.code, []).append(finding)
    for index, effect in enumerate(findings):
        entry = causes.get(effect.code)
        for rank, code in enumerate(entry.because_of if entry is not None else ()):
            if code != effect.code and any(linked(cause, effect) for cause in by_code.get(code, ())):
                yield rank, index, code


def _reached(start: str, follows: Mapping[str, set[str]]) -> set[str]:
    reached, edge = {start}, [start]
    while edge:
        for code in follows.get(edge.pop(), ()):
            if code not in reached:
                reached.add(code)
                edge.append(code)
    return reached


# --- order ------------------------------------------------------------------------------------------------------------


def _ordered(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    effects = {code: sum(1 for finding in findings if finding.because == code) for code in {f.code for f in findings}}

    def place(finding: Finding) -> tuple[object, ...]:
        weight = finding.confidence + EFFECT_WEIGHT * min(effects[finding.code], MOST_EFFECTS)
        return (finding.harmless, _depth(finding, findings), -weight, *_sort_key(finding))

    return tuple(sorted(findings, key=place))


def _depth(finding: Finding, findings: Sequence[Finding]) -> int:
    """How many causes stand behind it."""
    parents = {f.code: f.because for f in findings if f.because is not None}
    depth, code = 0, finding.because
    while code is not None and depth <= len(findings):
        depth, code = depth + 1, parents.get(code)
    return depth
