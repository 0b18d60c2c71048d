"""A liveness probe that kills now and then a replica that is ready between two kills; and kills that are over."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lockage.core.diagnosis.families.probes import RULES
from lockage.core.diagnosis.findings import Case
from support import cases as c

NAME = c.names()[0]
KILLING = "Container app failed liveness probe, will be restarted"
QUARTER_S = 900.0


def killed_now_and_then(*, at: float = 700.0, ran_s: float = 880.0, restarts: int = 4, **told: Any) -> Case:
    """Ready since more than ten minutes; killed every quarter of an hour before, as one event with its count."""
    last = c.ended(137, at=at, after_s=ran_s)
    ill = c.pod(
        NAME, containers=(c.container(state=c.running(for_s=at - 5), last=last, restarts=restarts),), created_at=c.ago(20_000)
    )
    kill = {"count": restarts, "first_at": c.ago(at + QUARTER_S * (restarts - 1)), **told}
    events = (c.event("Killing", KILLING, at=at + 3, kind="Normal", **kill),)
    return c.case(platform={"details": (ill, *(c.pod(n) for n in c.names()[1:])), "events": events})


def test_a_kill_that_recurs_slowly_is_named_though_the_replica_is_ready() -> None:
    (finding,) = c.findings(killed_now_and_then(), RULES)
    assert finding.code == "F003"
    assert "killed it 4 times, every 15 min" in finding.cause
    assert 0.5 < finding.confidence < 0.9


def test_kills_told_one_by_one_are_counted_as_well() -> None:
    seen = killed_now_and_then(restarts=2, count=1, first_at=None)
    events = (c.event("Killing", KILLING, at=703 + QUARTER_S, kind="Normal"), *(seen.evidence.platform.events or ()))
    platform = replace(seen.evidence.platform, events=events)
    seen = replace(seen, evidence=replace(seen.evidence, platform=platform))
    assert c.codes(seen, RULES) == {"F003"}


@pytest.mark.parametrize(
    "seen",
    [
        killed_now_and_then(restarts=1, count=1, first_at=None),
        killed_now_and_then(at=4 * QUARTER_S),
        killed_now_and_then(ran_s=29.0, first_at=c.ago(900)),
        killed_now_and_then(restarts=0),
    ],
    ids=["one kill", "it came no more", "killed while it started, and started since", "another pod's of that name"],
)
def test_what_does_not_recur_is_nothing(seen: Case) -> None:
    assert not c.codes(seen, RULES)


@pytest.mark.parametrize("source", c.sources())
def test_rules_take_any_source_away(source: str) -> None:
    found = c.codes(c.blind(killed_now_and_then(), source), RULES)
    assert found == (set() if source == "platform.events" else {"F003"})
