"""Ask production whether its rows stand in a script's way.

Not for finding what to ask (``core.forecast.checks``). The surprising thing: a query of a script's own making may call
anything, so one that would reach out of the database, or wait, is not run, and its answer is unknown.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from lockage.core.forecast.assess import Answer, Check, Forecast
from lockage.core.migration.statement import outside_call_in
from lockage.ports import AsksData, Narrate
from lockage.settings import DataChecking

AskData: TypeAlias = Callable[[Forecast], Forecast]
"""From a forecast to the same with its checks answered."""

_WAITS = re.compile(r"(?i)\bpg_(?:sleep|try_advisory|advisory|notify)\w*")


def as_it_is(forecast: Forecast) -> Forecast:
    """The forecast with its checks unanswered, as where there is no database to ask."""
    return forecast


def with_answers(
    forecast: Forecast,
    data: AsksData,
    *,
    narrate: Narrate = lambda _: None,
    monotonic_s: Callable[[], float] = lambda: 0.0,
    limits: DataChecking | None = None,
) -> Forecast:
    """The forecast with every check answered, those that fail first, unknown ones next.

    No query begins when all together have taken longer than the limit, by ``monotonic_s``. Raises what opening a session does.
    """
    limits = limits or DataChecking()
    begun_s = monotonic_s()
    answered: list[Check] = []
    for number, check in enumerate(forecast.checks, start=1):
        narrate(f"check {number} of {len(forecast.checks)}: {check.file}:{check.line}")
        late = monotonic_s() - begun_s > limits.all_s
        asked = not late and outside_call_in(check.query) is None and _WAITS.search(check.query) is None
        answered.append(replace(check, answer=data.answer(check.query) if asked else Answer.UNKNOWN))
    order = [Answer.FAILS, Answer.UNKNOWN, Answer.NOT_ASKED, Answer.HOLDS]
    return replace(forecast, checks=tuple(sorted(answered, key=lambda check: order.index(check.answer))))
