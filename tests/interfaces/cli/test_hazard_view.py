"""Hazards as people read them, and the exit code that they give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from lockage.core.forecast.assess import Check, Hazard, Severity
from lockage.errors import FindingsError
from lockage.interfaces.cli.hazard_view import HAZARDS_SHOWN, end_at, show_hazards
from support.printed import printed


def hazard(code: str, severity: Severity, *, line: int = 3, remedy: str = "Do it in a transaction of its own.") -> Hazard:
    sentence = "nobody can read or write public.orders for 60 s likely, 200 s at most (limit 1.0 s): AccessExclusiveLock"
    return Hazard(
        code=code, severity=severity, relation="public.orders", file="1_a.sql", line=line, sentence=sentence, remedy=remedy
    )


def shown(*hazards: Hazard, terminal: bool = False, checks: Sequence[Check] = ()) -> str:
    return printed(lambda console: show_hazards(hazards, console, checks=checks), terminal=terminal)


ERROR, WARNING, NOTE = (
    hazard(c, s) for c, s in (("H001", Severity.ERROR), ("H011", Severity.WARNING), ("H020", Severity.NOTE))
)


def test_a_hazard_is_a_sentence_with_its_place_and_a_remedy_that_is_said_once() -> None:
    text = shown(ERROR, WARNING)
    assert "Hazards: 1 error, 1 warning" in text
    assert "  error    H001  nobody can read or write public.orders" in text
    assert "(1_a.sql:3)" in text
    assert text.count("Remedy: Do it in a transaction of its own.") == 1
    assert "lockage explain H001 says more" in text


def test_a_terminal_of_80_columns_loses_nothing() -> None:
    text = shown(ERROR, WARNING, terminal=True)
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "AccessExclusiveLock (1_a.sql:3)" in " ".join(text.split())


def test_notes_are_counted_beside_worse_and_shown_alone() -> None:
    assert "and 2 more hazards, in --json: H020 (2)" in shown(ERROR, NOTE, hazard("H020", Severity.NOTE, line=4))
    assert "note     H020" in shown(NOTE)


def test_many_hazards_are_cut_and_what_is_left_is_counted() -> None:
    many = [hazard("H001", Severity.ERROR, line=line) for line in range(HAZARDS_SHOWN + 5)]
    assert "and 5 more hazards, in --json: H001 (5)" in shown(*many)


def test_a_hazard_that_holds_of_several_relations_at_one_place_is_told_once() -> None:
    several = [replace(ERROR, relation=f"public.r{n}", sentence=f"nobody can read public.r{n}") for n in range(7)]
    text = shown(*several)
    assert "nobody can read public.r0 (1_a.sql:3); so it is with public.r1, public.r2, public.r3, public.r4 and 2 more" in text
    assert text.count("H001") == 2  # and in the line that tells how to learn more
    assert "Hazards: 7 errors" in text
    assert "more hazard" not in text


def test_a_query_that_is_shown_among_those_to_ask_is_no_remedy_here() -> None:
    found = hazard("H041", Severity.WARNING, remedy="Look first: SELECT 1")
    assert "Look first" in shown(found)
    assert "Look first" not in shown(found, checks=[Check(query="SELECT 1", why="w", file="1_a.sql", line=3)])


def test_no_hazard_is_no_block() -> None:
    assert shown() == ""


@pytest.mark.parametrize(
    ("severity", "count"), [(Severity.NOTE, "3 hazards"), (Severity.WARNING, "2 hazards"), (Severity.ERROR, "1 hazard")]
)
def test_fail_on_counts_what_is_as_bad_or_worse(severity: Severity, count: str) -> None:
    with pytest.raises(FindingsError, match=f"^{count} of severity {severity}(?: or worse)?: H001") as caught:
        end_at((ERROR, WARNING, NOTE), severity)
    assert (caught.value.code, caught.value.exit_code, caught.value.hint) == ("LK680", 5, "lockage explain H001")


def test_fail_on_passes_what_is_milder() -> None:
    end_at((NOTE,), Severity.WARNING)
    end_at((), Severity.NOTE)
