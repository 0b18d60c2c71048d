"""A forecast as a page, as far as can be said without a browser."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from lockage.core.forecast.assess import Answer, Forecast
from lockage.interfaces.forecast_pages.html import html
from support.page_forecasts import (
    EVERY,
    evil,
    nobody_waits,
    nothing_known,
    partitions,
    seconds,
    thousand_transactions,
    unknown_end,
    usual,
)

VOID = {"meta", "link", "br", "img", "hr", "input"}


class Page(HTMLParser):
    """Tags that stand open, every tag's attributes, and the text that people see."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += f" {data}"


def page(forecast: Forecast) -> Page:
    return Page(html(forecast, version="1.2.3"))


def said(forecast: Forecast) -> str:
    return " ".join(page(forecast).text.split())


@pytest.mark.parametrize("make", EVERY)
def test_every_tag_is_closed_and_every_id_is_there_once(make: Callable[[], Forecast]) -> None:
    found = page(make())
    assert found.open == []
    ids = Counter(attributes["id"] for _, attributes in found.tags if "id" in attributes)
    assert set(ids.values()) == {1}
    for _, attributes in found.tags:
        if name := attributes.get("aria-labelledby"):
            assert name in ids
        for value in attributes.values():
            for name in re.findall(r"url\(#([^)]+)\)", value or ""):
                assert name in ids


@pytest.mark.parametrize("make", EVERY)
def test_nothing_is_loaded_and_no_script_is_in_it(make: Callable[[], Forecast]) -> None:
    found = page(make())
    assert not {tag for tag, _ in found.tags} & {"script", "link", "img", "iframe", "object", "embed", "form", "base"}
    for tag, attributes in found.tags:
        assert not {"src", "href", "srcset", "action"} & set(attributes), tag
        assert not [name for name in attributes if name.startswith("on")], tag
    style = html(make(), version="1").partition("<style>")[2].partition("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style


def test_what_comes_from_outside_is_text() -> None:
    assert "<script>alert(1)</script>" in page(evil()).text
    assert "<script>" not in html(evil(), version="1")


@pytest.mark.parametrize(
    "sentence",
    [
        "Readers and writers of public.api_keys wait, and users of 3 more relations",
        "They wait 6.5 s likely (2.2 s to 20 s). The script takes 9.3 s likely (4.1 s to 24 s).",
        "Running release 1 break in 14 statements",
        "1 200 000 rows, 144 MB",
        "AccessExclusiveLock 0042_scopes.up.sql:4 ALTER TABLE public.api_keys ADD COLUMN c4 text",
        "is a view of public.api_keys",
        "Locked so that nobody waits: public.audit_logs , public.groups",
        "error H001 0042_scopes.up.sql:5 nobody can read or write public.api_keys",
        "Remedy CREATE INDEX CONCURRENTLY, in a file without a transaction",
        'SQLSTATE 42703 since 0042_scopes.up.sql:8 column "scope" does not exist',
        "scale-to-zero recommended",
        "rolling not possible a statement of the running release breaks",
        "in a branch that did not run: UPDATE api_keys",
        "SELECT name FROM public.workspaces GROUP BY name HAVING count(*) > 1",
        "production runs PostgreSQL 15, the shadow 18",
        "Lockage 1.2.3.",
    ],
)
def test_the_page_says(sentence: str) -> None:
    assert sentence in said(usual())


def test_a_drawing_has_words_for_whoever_does_not_see_it() -> None:
    found = page(usual())
    drawings = [attributes for tag, attributes in found.tags if tag == "svg" and attributes.get("role") == "img"]
    assert len(drawings) >= 6
    assert all(attributes.get("aria-label") for attributes in drawings)
    hidden = [attributes for tag, attributes in found.tags if tag == "svg" and attributes.get("aria-hidden")]
    assert hidden


def test_an_end_that_nobody_knows_is_said_and_fades() -> None:
    assert "4 ms likely (at least 1 ms, at most unknown)" in said(unknown_end())
    assert "url(#fade-reads)" in html(unknown_end(), version="1")
    assert "nobody knows how long" in said(unknown_end())


def test_where_nobody_waits_the_page_says_so_first() -> None:
    assert "<h1>Nobody waits</h1>" in html(nobody_waits(), version="1")


def test_where_nobody_knows_the_script_the_page_says_so() -> None:
    text = said(nothing_known())
    assert "Not known which migrations there are The script takes" in text
    assert "which migrations lead from 1.0.0 to 2.0.0 is not known" in text


def test_the_answer_to_a_check_is_shown() -> None:
    (first, *rest) = usual().checks
    assert "holds" in said(replace(usual(), checks=(replace(first, answer=Answer.HOLDS), *rest)))


def test_a_thousand_transactions_make_no_page_that_a_browser_chokes_on() -> None:
    assert len(html(thousand_transactions(), version="1")) < 400_000


def test_all_that_is_said_stands_in_a_landmark() -> None:
    text = html(usual(), version="1").partition("<body>")[2]
    for landmark in ("header", "main", "footer"):
        before, _, rest = text.partition(f"<{landmark}>")
        assert re.sub(r"<svg.*?</svg>|<[^>]+>", "", before, flags=re.DOTALL).split() == [], landmark
        text = rest.partition(f"\n</{landmark}>" if landmark != "footer" else "</footer>")[2]


def test_only_a_section_of_hundreds_is_laid_out_late() -> None:
    assert 'class="long"' not in html(usual(), version="1")
    (first, *_) = usual().hazards
    many = tuple(replace(first, line=line) for line in range(1, 300))
    assert re.findall(r'<section aria-labelledby="(\S+)" class="long">', html(replace(usual(), hazards=many), version="1")) == [
        "h-hazards"
    ]


def test_an_option_of_a_command_stays_in_one_line() -> None:
    no_sizes = replace(usual(), relations=tuple(replace(one, rows=None, bytes=None) for one in usual().relations))
    assert '(<span class="whole">--database URL</span>), or a survey' in html(no_sizes, version="1")


def test_work_of_which_nothing_is_known_is_not_said_to_take_no_time() -> None:
    nobody_knows = replace(usual().operations[3], rows=0.0, seconds=seconds(0.0, high=None))
    one_known, *_ = usual().operations
    text = html(replace(usual(), operations=(one_known, nobody_knows)), version="1").partition('id="h-work"')[2]
    rows = [re.findall(r'<td class="num"[^>]*>([^<]+)', row) for row in re.findall("<tr>.*?</tr>", text, flags=re.DOTALL)[1:]]
    assert rows == [["1\u202f200\u202f000", "5.8\u00a0s", "17\u00a0s"], ["unknown", "unknown", "unknown"]]
    assert text.partition("</section>")[0].count("<circle") == 1


def colours(text: str) -> dict[str, str]:
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6})\b", text))


def luminance(colour: str) -> float:
    """Source: WCAG 2.2, relative luminance."""
    digits = colour.lstrip("#")
    digits = "".join(2 * digit for digit in digits) if len(digits) == 3 else digits
    shares = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    dark, bright = sorted((luminance(one), luminance(other)))
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_letters_and_bars_stand_out_from_what_is_behind_them(scheme: str) -> None:
    style = html(nobody_waits(), version="1").partition("<style>")[2].partition("</style>")[0]
    light, _, rest = style.partition("@media (prefers-color-scheme: dark)")
    found = colours(light) if scheme == "light" else {**colours(light), **colours(rest.partition("\n}")[0])}
    letters = [(ink, ground) for ink in ("ink", "muted") for ground in ("card", "page", "sunk")]
    letters += [(f"{level}-ink", "card") for level in ("reads", "writes", "rows", "none", "unknown")]
    letters += [("on-reads", "reads"), ("on-writes", "writes"), ("on-rows", "rows"), ("card", "unknown")]
    drawn = [(level, "card") for level in ("reads", "writes", "rows", "unknown")]
    # Source: WCAG 2.2, 1.4.3 for letters and 1.4.11 for what is drawn. Beside each bar stands in words what its colour says.
    least = dict.fromkeys(letters, 4.5) | dict.fromkeys(drawn, 2.9)
    ratios = {pair: round(contrast(found[pair[0]], found[pair[1]]), 1) for pair in least}
    assert {pair: ratio for pair, ratio in ratios.items() if ratio < least[pair]} == {}


def test_relations_that_wait_alike_share_a_lane_and_are_all_named() -> None:
    text = said(partitions())
    assert "public.events_00 and 11 more alike" in text
    assert all(f"public.events_{n:02}" in text for n in range(12))
    assert text.count("nobody can read or write") == 1
    assert "so it is with public.events_01, public.events_02," in text
