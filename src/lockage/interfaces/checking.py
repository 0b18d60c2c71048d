"""The data checks of a forecast, asked of a live database.

Part of ``wiring``. The surprising thing: it opens a session of its own, because a query over all rows may take as long as a
person waits, and the others' sessions have limits of milliseconds.
"""

# ruff: noqa: PLC0415 - adapters are imported by those who use them, as in ``wiring``

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

from lockage.core.forecast.assess import Forecast
from lockage.interfaces.wiring import system_clock
from lockage.ports import Narrate
from lockage.settings import Settings


def answered_by(
    url: str,
    forecast: Forecast,
    *,
    narrate: Narrate,
    password: Callable[[], str] | None = None,
    settings: Settings | None = None,
) -> Forecast:
    """The forecast with its checks answered by the database at ``url``. Raises what opening a session does."""
    from lockage.adapters.postgres.data_checks import DataChecks
    from lockage.flows.check_data import with_answers

    settings = settings or Settings()
    limits = settings.data_checking
    with closing(DataChecks(url, limit_s=limits.query_s, watching=settings.watching, password=password)) as data:
        return with_answers(forecast, data, narrate=narrate, monotonic_s=system_clock().monotonic, limits=limits)
