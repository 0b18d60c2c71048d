"""A forecast as one HTML page: no network, no script, everything in the file.

Not for a pull request, which takes Markdown (``markdown``). The surprising thing: the drawing is HTML with small SVGs whose
coordinates are percents, so that it fits any width while its letters keep their size.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import TypeVar

import jinja2

from lockage.core.forecast.assess import Forecast
from lockage.core.plan.wording import blocks_in_words
from lockage.core.wording import counted
from lockage.interfaces.forecast_pages.drawing import drawing
from lockage.interfaces.wording.alike import hazards_alike, relations_alike, told_by_checks
from lockage.interfaces.wording.forecast import (
    REASONS_MOST,
    amount,
    at_most,
    broken_in_words,
    checked_in_words,
    headline,
    ledger_of,
    likely_work,
    place,
    range_in_words,
    reasons,
    script_in_words,
    time_in_words,
    unbroken,
    unharmed,
    verdicts,
    waits_of,
    when_in_words,
    who_wait,
    worked_rows,
)
from lockage.interfaces.wording.sizes import size
from lockage.interfaces.wording.waiting import lock_timeouts_in_words, script_waits_in_words, waiting_in_words

T = TypeVar("T")

LONG = 200
"""Entries of a section beyond which a browser lays it out only when it is scrolled to: a page of 12 000 hazards opens in a
third of the time, and a shorter one needs no scroll bar that jumps."""


def html(forecast: Forecast, *, version: str) -> str:
    """The whole page; ``version`` is Lockage's own."""
    ledger = ledger_of(forecast)
    hazards = hazards_alike(forecast.hazards)
    longest = max((o.seconds.high or o.seconds.likely for o in forecast.operations), default=0.0)
    return _template().render(
        forecast=forecast,
        version=version,
        headline=headline(forecast),
        script=script_in_words(forecast),
        verdicts=tuple(verdicts(forecast)),
        waiting=relations_alike(who_wait(forecast)),
        hazards=hazards,
        looked_at=told_by_checks(hazards, forecast.checks),
        reasons_most=REASONS_MOST,
        ledger=ledger,
        alike=relations_alike([ledger] if ledger else []),
        unharmed=unharmed(forecast),
        lock_timeouts=lock_timeouts_in_words(forecast),
        script_waits=tuple(script_waits_in_words(forecast)),
        checked=checked_in_words(forecast),
        drawing=drawing(forecast),
        longest_s=longest,
        long_most=LONG,
    )


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("lockage.interfaces.forecast_pages"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(  # pyright: ignore[reportUnknownMemberType]  # jinja2 does not say what a filter is
        amount=amount,
        at_most=_unbroken(at_most),
        blocks=blocks_in_words,
        broken=broken_in_words,
        by_options=_by_options,
        counted=counted,
        likely=_unbroken(likely_work),
        pct=_percent,
        place=place,
        queue=waiting_in_words,
        range=_unbroken(range_in_words),
        reasons=reasons,
        rows=worked_rows,
        seconds=_unbroken(time_in_words),
        size=size,
        unbroken=unbroken,
        when=_unbroken(when_in_words),
        waits=waits_of,
    )
    return environment.get_template("forecast.html.j2")


def _unbroken(words: Callable[[T], str]) -> Callable[[T], str]:
    def said(what: T) -> str:
        return unbroken(words(what))

    return said


def _by_options(words: str) -> list[str]:
    """The words, with every second piece an option of a command: a browser would break it behind its hyphens."""
    return re.split(r"(--[a-z][a-z-]*(?: [A-Z]+)?)", words)


def _percent(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".") + "%"
