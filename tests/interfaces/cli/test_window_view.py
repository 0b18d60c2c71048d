"""Windows on the terminal, at 80 columns and in a pipe: the map is read by its characters."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from rich.console import Console

from lockage.core.plan.window import Freeze
from lockage.core.plan.window_report import WindowReport
from lockage.interfaces.cli.window_view import show_windows
from support.usage_weeks import samples_of
from support.window_reports import BERLIN, NOW, history, report


def shown(of: WindowReport, *, terminal: bool = False, width: int = 80, plain: bool = True) -> str:
    out = io.StringIO()
    console = Console(
        file=out, width=width, force_terminal=terminal, color_system="256" if terminal else None,
        markup=False, emoji=False, highlight=False, legacy_windows=False,
    )  # fmt: skip
    show_windows(of, console)
    return re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue()) if plain else out.getvalue()


def week(text: str) -> dict[str, str]:
    return {m[1]: m[2] for m in re.finditer(r"^  (Mon|Tue|Wed|Thu|Fri|Sat|Sun)  (\S{48})$", text, re.MULTILINE)}


@pytest.mark.parametrize("terminal", [True, False])
def test_the_week_is_seven_lines_of_48_half_hours_within_80_columns(*, terminal: bool) -> None:
    text = shown(report(), terminal=terminal)
    lines = week(text)
    assert list(lines) == ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    if terminal:
        assert max(map(len, text.splitlines())) <= 80
    hours = next(line for line in text.splitlines() if line.startswith("       0 "))
    assert hours.index("10") - 7 == 20  # two columns an hour
    assert hours == hours.rstrip()


def test_the_characters_alone_tell_quiet_from_busy() -> None:
    lines = week(shown(report()))
    levels = "·▁▂▃▄▅▆▇█"
    assert all(levels.index(lines["Mon"][n]) >= 7 for n in range(16, 36))  # 8:00 to 18:00
    assert set(lines["Sun"][6:10]) <= set("·▁1234")  # 3:00 to 5:00
    assert levels.index(lines["Sat"][20]) < levels.index(lines["Mon"][20])
    assert "▁ to " in shown(report())
    assert "█ to " in shown(report())


def test_a_proposed_window_stands_in_the_map_by_its_number() -> None:
    found = report()
    line = week(shown(found))["Sun"]
    best = found.windows[0].begin
    assert line[best.hour * 2 + best.minute // 30] == "1"


def test_a_pipe_gets_no_colour_and_a_terminal_the_same_characters() -> None:
    found = report()
    assert "\x1b" not in shown(found, plain=False)
    assert "\x1b[" in shown(found, terminal=True, plain=False)
    assert week(shown(found)) == week(shown(found, terminal=True))


def test_unknown_half_hours_are_question_marks_and_are_said() -> None:
    only_days = tuple(s for s in history().samples if s.start_at.astimezone(BERLIN).weekday() < 5)
    text = shown(report(history(samples=only_days)))
    assert week(text)["Sat"] == "?" * 48
    assert "96 of the week's 336 half hours are unknown, and are not taken for quiet ones" in text


def test_a_short_history_is_said_to_be_unsure() -> None:
    text = shown(report(history(samples=samples_of(BERLIN, date(2026, 4, 13), 7))))
    assert "some half hours were seen in 1 week only" in text


def test_freezes_are_listed_in_local_time_and_counted() -> None:
    freeze = Freeze(begin=datetime(2026, 4, 26, 0, tzinfo=UTC), end=datetime(2026, 4, 27, 0, tzinfo=UTC), text="spring fair")
    text = shown(report(freezes=(freeze,)))
    assert "  Sun 2026-04-26 02:00 to Mon 2026-04-27 02:00  spring fair\n" in text
    assert "Frozen, and left out: 49 windows\n" in text


def test_a_proposal_says_when_for_whom_why_and_what_to_type() -> None:
    found = replace(report(), to_release="2.0.0")
    text = shown(found)
    best = found.windows[0]
    assert f"1  Sun 2026-04-26 03:{best.begin:%M} to " in text
    assert "+02:00 (Europe/Berlin)" in text
    assert "people at once (most seen: 1), 0 jobs" in text
    assert "of the week's peak of" in text
    assert text.endswith(f"next: lockage upgrade shop --to 2.0.0 --at {best.id}\n")


def test_with_nothing_known_the_map_is_all_question_marks_and_nothing_is_proposed() -> None:
    text = shown(report(history(samples=())))
    assert set("".join(week(text).values())) == {"?"}
    assert "--at" not in text
    assert "none: users at work" in text


@pytest.mark.parametrize("width", [40, 80, 200])
def test_nothing_is_lost_at_any_width(width: int) -> None:
    found = replace(report(), notes=("a sentence that is much longer than the terminal is wide, and must not be cut anywhere",))
    text = "".join(shown(found, terminal=True, width=width).split())
    for words in (*found.notes, found.length_text, *(p.id for p in found.windows), *(p.reason for p in found.windows)):
        assert "".join(words.split()) in text


def test_a_window_across_the_change_of_the_clock_says_both_offsets() -> None:
    best = report().windows[0]
    begin, end = datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN), datetime(2026, 10, 25, 3, 15, tzinfo=BERLIN)
    text = shown(replace(report(), windows=(replace(best, begin=begin, end=end),)))
    assert "Sun 2026-10-25 02:30 to 03:15 +02:00, then +01:00 (Europe/Berlin)" in text


def test_the_report_is_of_now() -> None:
    assert report().at == NOW
