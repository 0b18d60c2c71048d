"""The path: a jump that the vendor forbids and releases that must not overlap, while it matters and not afterwards."""

from __future__ import annotations

from typing import Any

import msgspec

from lockage.core.diagnosis.families.path import RULES
from lockage.core.diagnosis.findings import Case
from lockage.core.release.advisories import Detour, ForbiddenOverlap
from lockage.core.release.profile import Profile
from support.app_profile import PROFILE
from support.cases import (
    OLD_RELEASE,
    OLD_SET,
    RELEASE,
    blind,
    case,
    codes,
    crashing,
    ended,
    findings,
    ledger,
    names,
    old_pod,
    pod,
    sources,
)

ABOUT = {
    "from_below": "2.27.0",
    "to_at_least": "2.27.0",
    "reason": "it takes an hour",
    "source": "the manual",
    "date": "2026-01-02",
}
DETOUR = Detour(code="APP-1", via="2.26.6", **ABOUT)
OVERLAP = ForbiddenOverlap(code="APP-2", **ABOUT)
ASKED = ForbiddenOverlap(code="APP-3", detect="SELECT EXISTS (SELECT FROM quotas)", detect_text="a quota is set", **ABOUT)


def advised(*advisories: Any, releases: dict[str, int] | None = None) -> Profile:
    """The profile with these advisories; where a release ends is not known unless said."""
    migrations = msgspec.structs.replace(PROFILE.migrations, releases=releases or {})
    return msgspec.structs.replace(PROFILE, advisories=advisories, migrations=migrations)


def stuck(profile: Profile, **database: Any) -> Case:
    """An upgrade from 2.26.0 to 2.27.8 whose first new replica does not start."""
    new = pod(ready=False, containers=(crashing(ended(1)),))
    return case(profile=profile, platform={"details": (new, *(old_pod(n) for n in names(of=OLD_SET)))}, database=database)


def test_a_jump_that_the_vendor_forbids_is_named_with_the_way_while_it_is_not_over() -> None:
    found = [f for f in findings(stuck(advised(DETOUR)), RULES) if f.code == "F071"]
    assert len(found) == 1
    assert f"{OLD_RELEASE} → 2.26.6 → {RELEASE}" in found[0].cause
    assert "it takes an hour" in found[0].cause


def test_a_forbidden_jump_that_is_over_is_no_finding() -> None:
    assert codes(case(profile=advised(DETOUR)), RULES) == set()
    arrived = stuck(advised(DETOUR, releases={RELEASE: 18}), ledger=ledger(18))
    assert codes(arrived, RULES) == set()


def test_a_jump_that_no_advisory_speaks_of_is_no_finding() -> None:
    elsewhere = msgspec.structs.replace(DETOUR, from_below="2.25.0")
    assert codes(stuck(advised(elsewhere)), RULES) == set()


def test_releases_that_must_not_overlap_are_named_only_while_both_run() -> None:
    both = case(profile=advised(OVERLAP), platform={"details": (pod(), old_pod())})
    assert codes(both, RULES) == {"F072"}
    assert codes(case(profile=advised(OVERLAP)), RULES) == set()
    assert codes(stuck(advised(OVERLAP)), RULES) == set(), "the new one does not run"


def test_an_overlap_that_concerns_some_deployments_gives_the_query_that_tells() -> None:
    both = case(profile=advised(ASKED), platform={"details": (pod(), old_pod())})
    found = next(iter(findings(both, RULES)))
    assert found.next == 'psql -d app -c "SELECT EXISTS (SELECT FROM quotas)"'
    assert found.confidence == 0.5
    assert "a quota is set" in found.cause


def test_nothing_is_said_of_a_path_that_was_not_seen() -> None:
    for source in sources():
        assert codes(blind(case(profile=advised(DETOUR, OVERLAP)), source), RULES) <= {"F071"}
    assert codes(blind(stuck(advised(DETOUR)), "platform.workload"), RULES) == set()
