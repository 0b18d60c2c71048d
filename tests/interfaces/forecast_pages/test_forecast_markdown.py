"""A forecast as Markdown."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from html import escape

import pytest
from markdown_it import MarkdownIt

from lockage.core.forecast.assess import Blocks, Forecast, Hazard, Severity, Unknown
from lockage.interfaces.forecast_pages.markdown import LIMIT_CHARACTERS, code, escaped, fenced, markdown
from support.page_forecasts import (
    EVERY,
    EVIL,
    evil,
    forecast,
    nobody_waits,
    partitions,
    relation,
    seconds,
    sixty_lanes,
    stretch,
    thousand_transactions,
    usual,
)


@pytest.mark.parametrize(
    "line",
    [
        "## 🛑 Readers and writers of `public.api_keys` wait, and users of 3 more relations",
        "| `public.api_keys` | readers and writers | 6.5 s | 20 s | from 2.4 s to 8.9 s |"
        " AccessExclusiveLock at `0042_scopes.up.sql:4` |",
        "| `public.active_keys` | readers and writers | 6.5 s | 20 s | from 2.4 s to 8.9 s | is a view of public.api\\_keys |",
        "- 🛑 **H001 error** at `0042_scopes.up.sql:5`: nobody can read or write public.api\\_keys 6.5 s likely (limit 2.0 s):"
        " AccessExclusiveLock is held to the end of transaction 1",
        "  <br>*Remedy:* CREATE INDEX CONCURRENTLY, in a file without a transaction",
        "- `SELECT id, scope FROM api_keys WHERE id = $1`",
        "| rolling | not possible | not possible | a statement of the running release breaks |",
        "<summary>1 thing unknown, counted as the worst case</summary>",
        "SELECT name FROM public.workspaces GROUP BY name HAVING count(*) > 1",
        "`public.audit_logs`, `public.groups`",
        "- production runs PostgreSQL 15, the shadow 18",
    ],
)
def test_a_reviewer_finds_each_line(line: str) -> None:
    assert line in markdown(usual()).splitlines()


def test_the_table_of_the_migrators_own_is_set_apart() -> None:
    text = markdown(nobody_waits())
    assert "## ✅ Nobody waits" in text
    assert "`public.schema_migrations` is locked too, for which only another migrator waits" in text


def test_every_level_at_which_users_wait_has_its_row_and_the_longest_felt_is_the_headline() -> None:
    rows = stretch(Blocks.ROWS, 0.0, 12.0, mode=None, because="is referred to by public.api_keys")
    moment = stretch(Blocks.WRITES, 12.0, 12.03, mode="ShareRowExclusiveLock")
    made = forecast(relation("public.users", rows, moment), total_s=seconds(12.03), spans=[(0.0, 12.03)])
    text = markdown(made)
    assert "## ⚠️ Writers of changed rows of `public.users` wait\n\nThey wait 12 s likely" in text
    assert "| `public.users` | writers | 30 ms | 90 ms | at 12 s | ShareRowExclusiveLock" in text
    assert "| writers of changed rows | 12 s | 36 s | from 0 s to 12 s | is referred to by public.api\\_keys |" in text


def test_waits_that_nobody_notices_are_no_alarm() -> None:
    moments = [relation(f"public.t{n}", stretch(Blocks.READS, 0.0, 0.1)) for n in range(3)]
    text = markdown(forecast(*moments, total_s=seconds(0.1), spans=[(0.0, 0.1)]))
    assert "## ✅ Nobody waits for longer than 0.3 s once the locks are had" in text
    assert "Users of 3 relations wait for a moment." in text
    assert "| `public.t1` | readers and writers | 0.1 s | 0.3 s |" in text


def test_locks_through_an_index_are_counted_where_the_table_has_its_own() -> None:
    made = relation("public.a", stretch(Blocks.READS, 0.0, 5.0))
    (own,) = made.locks
    every = (replace(own, via="public.a_pkey"), own, replace(own, via="public.a_x"))
    text = markdown(forecast(replace(made, locks=every), total_s=seconds(5.0), spans=[(0.0, 5.0)]))
    assert "| AccessExclusiveLock at `0042_scopes.up.sql:3`<br>and 2 more locks like these |" in text


@pytest.mark.parametrize("make", EVERY)
def test_rows_of_a_table_have_the_columns_of_its_head(make: Callable[[], Forecast]) -> None:
    columns = 0
    for line in [*markdown(make()).splitlines(), ""]:
        cells = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else 0
        assert cells in {0, columns} or columns == 0, line
        columns = cells


def test_nothing_from_outside_becomes_markup_a_mention_or_a_link() -> None:
    prose = re.sub(r"^(`{3,})sql\n.*?\n\1$", "", markdown(evil()), flags=re.MULTILINE | re.DOTALL)
    tags = set(re.findall(r"<[^>]*>", prose))
    assert tags <= {"<!-- lockage forecast -->", "<!-- -->", "<br>", "<code>", "</code>", "<details>", "</details>",
                    "<summary>", "</summary>"}  # fmt: skip
    assert "@nobody" not in prose
    assert "@somebody" not in prose
    assert "://" not in prose
    assert "](y)" not in prose.replace("\\](y)", "")


def test_a_renderer_gives_back_what_went_in_and_makes_the_same_tags_of_harmless_names_and_of_evil_ones() -> None:
    parser = MarkdownIt("commonmark").enable("table")  # what Rich reads Markdown with
    names = [f'public."{EVIL}"', f"x.{EVIL}", f"{EVIL}:3", f"SELECT '{EVIL}'"]
    rendered = parser.render(markdown(evil()))
    for name in names:
        assert f"<code>{escape(name).replace('&#x27;', chr(39))}</code>" in rendered
    harmless = parser.render(markdown(evil()).replace(code(names[0]), "`a`"))
    assert re.findall(r"<(?!!--)[^>]*>", rendered) == re.findall(r"<(?!!--)[^>]*>", harmless)


@pytest.mark.parametrize("make", EVERY)
def test_details_are_closed_and_have_the_empty_lines_that_markdown_needs(make: Callable[[], Forecast]) -> None:
    text = markdown(make())
    assert text.count("<details>") == text.count("</details>") == len(re.findall(r"</summary>\n\n", text))
    assert text.count("<details>") == len(re.findall(r"\n\n</details>\n", text))


def test_code_survives_what_would_end_it() -> None:
    assert code("a b") == "`a b`"
    assert code("a\n  b") == "`a b`"
    assert code("a|b") == "<code>a&#124;b</code>"
    assert code("x`y") == "<code>x&#96;y</code>"
    assert code("") == ""
    assert len(code("x" * 500)) == 202
    assert fenced("a\n```\nb").startswith("````sql\n")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("1. one", "1\\. one"),
        ("9.3 s", "9.3 s"),
        ("- x", "\\- x"),
        ("a - b", "a - b"),
        ("see #12 of @me", "see \\#<!-- -->12 of @<!-- -->me"),
        ("a\nb", "a b"),
    ],
)
def test_text_stays_text(text: str, line: str) -> None:
    assert escaped(text) == line


def test_a_forge_takes_even_the_largest() -> None:
    hazard = Hazard(
        code="H001", severity=Severity.NOTE, relation=None, file="x.sql", line=1, sentence=EVIL * 5, remedy=EVIL * 5
    )
    relations = tuple(relation(f"{EVIL}.{n}", stretch(Blocks.READS, 0.0, 1.0), file=EVIL) for n in range(300))
    unknown = tuple(Unknown(file=EVIL, line=n, reason=EVIL * 10) for n in range(500))
    text = markdown(replace(usual(), relations=relations, hazards=(hazard,) * 200, unknown=unknown))
    assert len(text) <= LIMIT_CHARACTERS
    assert re.search(r"…and \d+ more; `--output json` and `--output html` have all", text)
    assert text.count("<details>") == text.count("</details>")


def test_a_long_list_that_fits_is_shown_whole() -> None:
    assert len(set(re.findall(r"^\| (`public\.\w+`)", markdown(sixty_lanes()), flags=re.MULTILINE))) == 60
    assert "in 1000 stretches" in markdown(thousand_transactions())


def test_what_is_alike_is_told_once() -> None:
    text = markdown(partitions())
    names = "`public.events_01`, `public.events_02`, `public.events_03`, `public.events_04` and 7 more"
    assert f"| `public.events_00`<br>and {names} | readers and writers | 2.0 s |" in text
    assert text.count("**H001 error**") == 1
    assert text.count("*Remedy:*") == 1


def test_work_of_which_nothing_is_known_is_not_said_to_take_no_time() -> None:
    nobody_knows = replace(usual().operations[3], rows=0.0, seconds=seconds(0.0, high=None))
    text = markdown(replace(usual(), operations=(nobody_knows,)))
    assert "| scan | `public.workspaces` | unknown | unknown | unknown | `0042_scopes.up.sql:9` |" in text
