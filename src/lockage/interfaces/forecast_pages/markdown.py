"""A forecast as Markdown for a pull request or a job's summary, as GitHub and GitLab render it.

Not for standing alone (``html``). The surprising thing: a forge refuses a comment that is longer than a limit, so the lists
are cut, at first a little and then more, until the whole fits; what was cut is counted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

import jinja2

from lockage.core.forecast.assess import Blocks, Forecast, Severity
from lockage.core.migration.shortened import shortened
from lockage.core.plan.wording import blocks_in_words
from lockage.core.wording import counted, listed
from lockage.interfaces.wording.alike import hazards_alike, relations_alike, told_by_checks
from lockage.interfaces.wording.forecast import (
    REASONS_MOST,
    amount,
    at_most,
    broken_in_words,
    headline,
    ledger_of,
    likely_work,
    place,
    range_in_words,
    reasons,
    script_in_words,
    time_in_words,
    unharmed,
    verdicts,
    waits_of,
    when_in_words,
    who_wait,
    worked_rows,
)
from lockage.interfaces.wording.waiting import lock_timeouts_in_words, script_waits_in_words, waiting_in_words

LIMIT_CHARACTERS = 65_000
"""Of the whole. GitHub refuses a comment of more than 65 536 characters, and whoever posts it may add a line."""

MOST_SHOWN = 100
"""Entries of a list that are shown where there is room for them."""

_MARKS = {Severity.ERROR: "🛑", Severity.WARNING: "⚠️", Severity.NOTE: "\u2139\ufe0f"}
_LEVELS = {Blocks.READS: "🛑", Blocks.WRITES: "⚠️", Blocks.ROWS: "⚠️", Blocks.NONE: "✅", None: "❔"}


def markdown(forecast: Forecast) -> str:
    """The whole as GitHub-flavoured Markdown, of at most ``LIMIT_CHARACTERS``."""
    most = MOST_SHOWN
    while len(text := _rendered(forecast, most)) > LIMIT_CHARACTERS and most > 1:
        most //= 2
    return text


def _rendered(forecast: Forecast, most: int) -> str:
    hazards = hazards_alike(forecast.hazards)
    return _template().render(
        forecast=forecast,
        most=most,
        headline=headline(forecast),
        verdicts=tuple(verdicts(forecast)),
        waiting=relations_alike(who_wait(forecast)),
        hazards=hazards,
        looked_at=told_by_checks(hazards, forecast.checks),
        reasons_most=REASONS_MOST,
        ledger=ledger_of(forecast),
        unharmed=unharmed(forecast),
        lock_timeouts=lock_timeouts_in_words(forecast),
        script_waits=tuple(script_waits_in_words(forecast)),
    )


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("lockage.interfaces.forecast_pages"),
        autoescape=False,  # noqa: S701 - Markdown, whose own escapes are the filters "text" and "code"
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(  # pyright: ignore[reportUnknownMemberType]  # jinja2 does not say what a filter is
        text=escaped,
        code=code,
        fence=fenced,
        amount=amount,
        at_most=at_most,
        blocks=blocks_in_words,
        counted=counted,
        mark=_MARKS.__getitem__,
        level=_LEVELS.__getitem__,
        likely=likely_work,
        place=place,
        range=range_in_words,
        reasons=reasons,
        rows=worked_rows,
        script=script_in_words,
        seconds=time_in_words,
        when=when_in_words,
        waits=waits_of,
        broken=broken_in_words,
        codes=_codes,
        queue=waiting_in_words,
    )
    return environment.get_template("forecast.md.j2")


def escaped(text: str) -> str:
    """Plain text that Markdown and HTML leave as it is; it stays on one line, mentions nobody and links nowhere."""
    line = " ".join(text.split())
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    line = re.sub(r"([\\`*_\[\]|~#$]|^[-+=])", r"\\\1", line)
    line = re.sub(r"^(\d+)([.)])(?=\s)", r"\1\\\2", line)  # or it would begin a list
    # A forge looks for mentions and links in what is already rendered, where no backslash is left. A comment parts them.
    return re.sub(r"(@|\\#|:(?=//)|www(?=\.))", r"\1<!-- -->", line)


def code(text: str, limit: int = 200) -> str:
    """The text as code, on one line, also in a table's cell; a long one ends in an ellipsis."""
    line = shortened(text, most=limit)
    if not line:
        return ""
    if not re.search(r"[`|]", line):
        return f"`{line}`"
    # A bar ends a cell even in a code span, and no escape of it is understood everywhere.
    entities = re.sub(r"[^A-Za-z0-9 ,]", lambda found: f"&#{ord(found[0])};", line)
    return f"<code>{entities}</code>"


def fenced(text: str, limit: int = 2000) -> str:
    """The text as a block of SQL."""
    text = text.strip()
    text = text if len(text) <= limit else f"{text[: limit - 1]}…"
    ticks = "`" * max(3, max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    return f"{ticks}sql\n{text}\n{ticks}"


def _codes(names: Sequence[str], most: int) -> str:
    """The first few names as code, and how many more."""
    return listed([code(name) for name in names], most=most)
