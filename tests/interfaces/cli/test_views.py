"""What people read: nothing lost at 80 columns, whole sentences in a pipe, and no markup eaten."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from lockage.core.facts import LedgerReading, LedgerState, Survey
from lockage.core.run import RunEvent
from lockage.interfaces.cli.console import say
from lockage.interfaces.cli.run_view import event_line
from lockage.interfaces.cli.survey_view import show_survey
from lockage.interfaces.wording.sizes import size
from lockage.settings import LongTransactions
from support.plan_material import NOW, owned, session, survey
from support.printed import printed


def shown(found: Survey, *, terminal: bool, width: int = 80) -> str:
    return printed(lambda console: show_survey(found, console, limits=LongTransactions()), terminal=terminal, width=width)


ORPHAN = owned(
    replace(session(99), query="ALTER TABLE api_keys ADD COLUMN scopes text[] -- [red]not markup[/red] :smile:"), orphan=True
)
HOLDER = owned(session(42, user="analyst", age_s=300.0))
SICK = replace(
    survey(),
    release=None,
    sessions=(ORPHAN, HOLDER, owned(session(7), replica="towpath-1")),
    problems=(
        "The version by buildinfo of towpath-2 was not read: no answer from http://127.0.0.1:34567/api/buildinfo within 2 s.",
    ),
)


def test_a_survey_at_80_columns_loses_nothing() -> None:
    text = shown(SICK, terminal=True)
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text
    words = set(text.split())  # a cell is folded between words, beside its neighbours' lines
    for sentence in (
        "99 its client is dead",
        "idle in a transaction for 300 s",
        "[red]not markup[/red] :smile:",
        "within 2 s.",
    ):
        assert set(sentence.split()) <= words, sentence


def test_a_sentence_in_a_pipe_is_whole() -> None:
    lines = shown(SICK, terminal=False).splitlines()
    assert f"not seen: {SICK.problems[0]}" in lines


def test_a_session_of_a_replica_that_harms_nobody_gets_no_line_of_its_own() -> None:
    worth_a_look = shown(SICK, terminal=False).partition("worth a look")[2]
    assert "99" in worth_a_look
    assert "SELECT 1" in worth_a_look
    assert "towpath-1" not in worth_a_look


@pytest.mark.parametrize(
    ("ledger", "said"),
    [
        (LedgerReading(table="public.m", state=LedgerState.READ, version=7, dirty=True), "public.m at 7, DIRTY"),
        (LedgerReading(table="public.m", state=LedgerState.MIGRATING, holder_pid=99), "held by backend 99"),
        (LedgerReading(table="public.m", state=LedgerState.UNREADABLE, problem="permission denied"), "permission denied"),
    ],
)
def test_the_ledger_is_said_as_it_is(ledger: LedgerReading, said: str) -> None:
    assert said in shown(replace(survey(), ledger=ledger), terminal=False)


def test_a_long_line_is_folded_on_a_terminal_and_whole_in_a_pipe() -> None:
    words = "word " * 40
    for terminal, lines in ((True, 3), (False, 1)):
        stream = io.StringIO()
        say(Console(file=stream, force_terminal=terminal, width=80), words)
        assert len(stream.getvalue().strip().splitlines()) == lines


def test_an_event_is_one_line_with_the_step_or_what_was_seen() -> None:
    assert event_line(RunEvent(at=NOW, kind="step-begun", step="scale-down", text="x")).endswith("begin  scale-down")
    assert event_line(RunEvent(at=NOW, kind="saw", text="no orphan")).endswith("no orphan")


def test_sizes_are_short() -> None:
    assert (size(0), size(1500), size(2_500_000_000), size(7 * 10**15)) == ("0 B", "2 kB", "2 GB", "7000.0 TB")
