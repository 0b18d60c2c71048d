"""A plan on the terminal, at 80 columns and in a pipe: nothing is cut, nothing is lost."""

from __future__ import annotations

import io
import re

import msgspec
import pytest
from rich.console import Console

from lockage.core.facts import Probe
from lockage.core.forecast.assess import Blocks, Seconds
from lockage.core.plan import steps as s
from lockage.core.plan.planner import Wishes, plan
from lockage.core.plan.wording import blocks_in_words, probe_in_words, range_in_words, step_in_words, step_name
from lockage.core.wording import duration, listed
from lockage.interfaces.cli.plan_view import show_plan
from lockage.settings import Settings
from support.plan_material import NOW, breaking, forecast, harmless, survey, towpath

LONG = "a sentence that is longer than eighty columns, so that a pipe must keep it whole and a terminal must fold it at a word"


def shown(found: s.Plan, *, width: int = 80, terminal: bool = False) -> str:
    out = io.StringIO()
    show_plan(found, Console(file=out, width=width, force_terminal=terminal, markup=False, emoji=False, highlight=False))
    return re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue())


def planned(**wishes: object) -> s.Plan:
    return plan(
        survey(), towpath(), target="2.27.8", forecasts=(harmless(), breaking()), now=NOW, settings=Settings(),
        wishes=Wishes(**wishes), notes=(LONG,),
    )  # fmt: skip


def squeezed(text: str) -> str:
    return "".join(text.split())


def test_the_outage_and_the_warnings_stand_first() -> None:
    lines = shown(planned()).splitlines()
    assert lines[:8] == [
        "Plan for demo: 2.26.0 to 2.27.8 by way of 2.26.6",
        "  without service  13 s likely (5.0 s to 37 s)",
        "  migrations       6, crossing 1 minor release",
        "  replicas         3, with a liveness probe that kills after 9.0 s (failureThreshold 5)",
        "  blockers         other people's sessions are waited for",
        "Warnings:",
        f"- {LONG}",
        "",
    ]


def test_every_hop_says_strategy_forecast_reasons_and_what_would_change() -> None:
    text = shown(planned())
    assert "Hop 1 of 2: 2.26.0 to 2.26.6, rolling\n" in text
    assert "  advisory         TOWPATH-2.27-API-KEYS asks for this stop\n" in text
    assert "Hop 2 of 2: 2.26.6 to 2.27.8, scale-to-zero, planned anew on arrival\n" in text
    assert "  migration        5 files, 9.0 s likely (4.0 s to 21 s)\n" in text
    assert "  old release      2 break in 20 statements of 2.26.6\n" in text
    for hop in planned().hops:
        for line in (*hop.reasons, *hop.would_change):
            assert f"  - {line}\n" in text


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize("width", [60, 80, 200])
def test_nothing_is_lost_at_any_width(width: int, *, terminal: bool) -> None:
    found = planned()
    text = squeezed(shown(found, width=width, terminal=terminal))
    for hop in found.hops:
        for line in (*hop.reasons, *hop.would_change):
            assert squeezed(line) in text
    for warning in found.warnings:
        assert squeezed(warning) in text
    assert "…" not in text.replace("scopes…", "")


def test_a_terminal_of_80_columns_is_never_passed() -> None:
    assert max(len(line.rstrip()) for line in shown(planned(), terminal=True).splitlines()) <= 80


def test_every_step_is_shown_with_its_time_limit_and_undo() -> None:
    text = shown(planned(), width=200)
    lines = iter(text.splitlines())
    for hop in planned().hops:
        for number, step in enumerate(hop.steps, start=1):
            row = next(line for line in lines if re.match(rf"\s*{number}  {step_name(step)}: ", line))
            assert step_in_words(step) in row
            assert row.rstrip().endswith(duration(step.limit_s))
    assert "undo: scale back to 3: the schema has not moved yet" in text


def test_the_chosen_strategy_is_marked() -> None:
    text = shown(planned())
    assert re.search(r"^\* rolling +yes", text, re.MULTILINE)
    assert re.search(r"^\* scale-to-zero +yes", text, re.MULTILINE)
    assert re.search(r"^  rolling +no", text, re.MULTILINE)


def test_unknown_is_shown_as_unknown() -> None:
    unknown = forecast(total_s=Seconds(low=1.0, likely=2.0, high=None), unknown=("a loop",), checked=0)
    found = plan(survey(), towpath(), target="2.26.6", forecasts=(unknown,), now=NOW, settings=Settings())
    text = shown(found)
    assert "  migration        1 file, 2.0 s likely (1.0 s to unknown)\n" in text
    assert "  old release      no statement was checked\n" in text
    assert "  without service  6.0 s likely (2.0 s to unknown)\n" in text


def test_the_policy_for_blockers_is_said() -> None:
    assert "other people's sessions are ended where they stand in the way" in shown(planned(on_blocker=s.OnBlocker.TERMINATE))


def test_nothing_to_do_is_one_line() -> None:
    found = plan(survey("2.27.8"), towpath(), target="2.27.8", forecasts=(), now=NOW, settings=Settings())
    assert shown(found) == "demo is on 2.27.8 already: nothing to do\n"


def test_it_ends_with_the_seal_and_the_next_command() -> None:
    assert shown(planned()).splitlines()[-2:] == [
        f"seal {planned().content_digest}",
        "next: lockage upgrade demo --to 2.27.8 --restore-point NAME",
    ]


def test_a_plan_that_is_being_carried_out_names_no_next_command() -> None:
    out = io.StringIO()
    show_plan(planned(), Console(file=out, width=80), proposed=False)
    assert out.getvalue().splitlines()[-1] == f"seal {planned().content_digest}"


def test_brackets_come_out_as_they_went_in() -> None:
    found = msgspec.structs.replace(planned(), warnings=("ARRAY[scope]::text[] [red]",))
    assert "ARRAY[scope]::text[] [red]" in shown(found)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "0.0 s"),
        (0.004, "0.0 s"),
        (0.1, "0.1 s"),
        (0.05, "0.05 s"),
        (9.96, "10.0 s"),
        (21.0, "21 s"),
        (599.0, "599 s"),
        (901.0, "15 min"),
    ],
)
def test_durations_have_as_many_digits_as_matter(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_small_things_in_words() -> None:
    assert range_in_words(Seconds(low=1.0, likely=2.0, high=None)) == "2.0 s likely (1.0 s to unknown)"
    assert probe_in_words(None) == "no liveness probe"
    assert probe_in_words(Probe()) == "a liveness probe that kills after 21 s (failureThreshold 3)"
    assert listed(("a", "b", "c"), most=2) == "a, b and 1 more"
    assert [blocks_in_words(blocks) for blocks in Blocks] == [
        "readers and writers",
        "writers",
        "writers of changed rows",
        "nobody",
    ]
