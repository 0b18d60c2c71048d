"""The data checks of a forecast, asked of a live database.

Part of ``wiring``. The surprising thing: it opens a session of its own, because a query over all rows may take as long as a
person waits, and the others' sessions have limits of milliseconds.
"""

# ruff: noqa: PLC0415 - adapters are imported by those who use them, as in ``wiring``

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

from lockage.core.forecast.assess import Forecast
from lockage.flows.check_data import AskData, with_answers
from lockage.interfaces.wiring import system_clock
from lockage.ports import Narrate
from lockage.settings import Settings


def asking(
    url: str, *, narrate: Narrate, password: Callable[[], str] | None = None, settings: Settings | None = None
) -> AskData:
    """What has the checks of a forecast answered by the database at ``url``. It raises what opening a session does."""
    from lockage.adapters.postgres.data_checks import DataChecks

    settings = settings or Settings()
    limits = settings.data_checking

    def asked(forecast: Forecast) -> Forecast:
        with closing(DataChecks(url, limit_s=limits.query_s, watching=settings.watching, password=password)) as data:
            return with_answers(forecast, data, narrate=narrate, monotonic_s=system_clock().monotonic, limits=limits)

    return asked
