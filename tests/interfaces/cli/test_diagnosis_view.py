"""A diagnosis as people read it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from lockage.core.diagnosis.evidence import Missing
from lockage.core.diagnosis.findings import Cause, Diagnosis, Exhibit, Finding, Migrating, RuledOut, VendorCall
from lockage.interfaces.cli.diagnosis_view import EXHIBITS, in_words, show_diagnosis
from support.printed import printed

ROOT = Finding(
    code="F001",
    cause="the liveness probe killed pod a after 30 s, and the migration takes about 4 min",
    confidence=0.97,
    why="the kubelet says so",
    evidence=tuple(Exhibit(source="events of Pod/a", text=f"Killing {number}") for number in range(EXHIBITS + 2)),
    next="lockage recover shop",
    avoid="do not edit the Deployment now: it would replace the migrating pod",
)
EFFECT = Finding(
    code="F011", cause="pod a waits to be started again", confidence=0.9, why="it says so", evidence=(), next="wait",
    because="F001",
)  # fmt: skip
CAUSE = Cause(
    title="x", family="waiting", symptom="x", shows_in=("platform.events",), why="x", remedy="x", prevention="x"
)  # fmt: skip


def diagnosis(*findings: Finding, healthy: bool = False, **more: object) -> Diagnosis:
    made = {
        "at": datetime(2026, 11, 22, 3, 0, tzinfo=UTC), "deployment": "shop", "healthy": healthy, "findings": findings,
        "ruled_out": (RuledOut(code="F040", cause="a lock", why="nobody waits"),), "migrating": None, "call_vendor": False,
        "collected_s": 2.5, "missing": (Missing(source="the nodes", why="ops may not list nodes"),),
    }  # fmt: skip
    return Diagnosis(**{**made, **more})  # type: ignore[arg-type]


def shown(found: Diagnosis, *, verbose: bool = False, terminal: bool = False) -> str:
    return printed(lambda console: show_diagnosis(found, console, causes={"F040": CAUSE}, verbose=verbose), terminal=terminal)


def test_the_root_comes_first_and_what_follows_says_of_what() -> None:
    said = shown(diagnosis(ROOT, EFFECT)).splitlines()
    assert said[0] == "shop on 2026-11-22 03:00:00 UTC: 1 cause"
    assert next(line for line in said if line.startswith("1.")).endswith(ROOT.cause)
    assert "    because   of F001, number 1 above" in said
    assert "    sure      certain (0.97): the kubelet says so" in said
    assert "    next      lockage recover shop" in said
    assert "    avoid     do not edit the Deployment now: it would replace the migrating pod" in said


def test_on_a_terminal_nothing_is_wider_than_80_columns_and_texts_hang_behind_their_labels() -> None:
    said = shown(diagnosis(ROOT, EFFECT), terminal=True).splitlines()
    assert max(map(len, said)) <= 80
    cause = said.index(next(line for line in said if line.startswith("1.")))
    assert said[cause + 1].startswith("    ")
    assert said[cause + 1].strip()


def test_much_evidence_is_cut_and_it_is_said_so_unless_all_is_asked_for() -> None:
    assert "… and 2 more: --verbose" in shown(diagnosis(ROOT))
    assert "Killing 7" in shown(diagnosis(ROOT), verbose=True)


def test_what_was_ruled_out_is_one_line_a_family_or_all_of_it() -> None:
    assert "Ruled out: 1 cause of waiting (1). --verbose names them." in shown(diagnosis(ROOT))
    assert "F040  a lock: nobody waits" in shown(diagnosis(ROOT), verbose=True)


def test_what_was_not_seen_is_never_left_out() -> None:
    said = shown(diagnosis(healthy=True))
    assert "nothing is wrong" in said
    assert "not seen: the nodes: ops may not list nodes" in said
    assert said.rstrip().endswith("It took 2.5 s, and nothing was changed.")


def test_a_migration_that_works_is_said_before_everything_else() -> None:
    text = "61 % of the index, about 4 min left; do not restart it"
    found = diagnosis(ROOT, migrating=Migrating(pid=4711, replica="a", pace="works", text=text))
    said = shown(found)
    assert said.index(text) < said.index("1.  F001")


def test_the_vendor_is_named_with_the_reason_and_the_text_for_the_ticket() -> None:
    call = VendorCall(
        name="Coder", contact="support@example", reasons=("over 15 min",), ticket="line\n" * 99, bundle="lockage bundle shop",
    )  # fmt: skip
    said = shown(diagnosis(ROOT, vendor=call, call_vendor=True))
    assert "Call Coder: support@example" in said
    assert "lockage bundle shop" in said
    assert "39 lines more: --verbose" in said


WORDS = [(1.0, "certain"), (0.85, "almost certain"), (0.6, "likely"), (0.5, "possible"), (0.1, "a guess")]


@pytest.mark.parametrize(("confidence", "words"), WORDS)
def test_confidence_is_said_in_words_and_as_a_number(confidence: float, words: str) -> None:
    assert in_words(confidence) == f"{words} ({confidence:.2f})"
