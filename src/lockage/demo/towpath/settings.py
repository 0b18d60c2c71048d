"""What a towpath server can be told by its environment, with defaults and their reasons.

Not for what a release decides (`releases`). The surprising thing: the address of the database has no default; an application
that guesses one migrates the wrong database.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lockage.demo.towpath.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that differs between two replicas of one release."""

    pg_connection_url: str
    """``TOWPATH_PG_CONNECTION_URL``: required."""
    http_address: str = "127.0.0.1:3000"
    """``TOWPATH_HTTP_ADDRESS``: host and port to listen on; port 0 lets the system choose."""
    replica: str = "towpath"
    """``TOWPATH_REPLICA``: the replica's name, shown in the ``application_name`` of its every connection."""
    pool_max: int = 10
    """``TOWPATH_PG_POOL_MAX``: connections for requests; Coder's default, so that three replicas fit in 100."""
    pool_min: int = 2
    """``TOWPATH_PG_POOL_MIN``: connections kept when idle; one may be busy with background work."""
    connect_timeout_s: float = 30.0
    """``TOWPATH_CONNECT_TIMEOUT_S``: how long a database that does not answer is tried again at start."""
    flush_interval_s: float = 1.0
    """``TOWPATH_FLUSH_INTERVAL_S``: how often ``last_used`` and usage statistics are written; users see them this late."""
    report_interval_s: float = 15.0
    """``TOWPATH_REPORT_INTERVAL_S``: rest between two reports, so that three replicas nearly always hold one."""
    report_length_s: float = 30.0
    """``TOWPATH_REPORT_LENGTH_S``: how long a report keeps its transaction open: the half minute of a slow export."""
    purge_batch_rows: int = 5000
    """``TOWPATH_PURGE_BATCH_ROWS``: rows a transaction deletes; tens of milliseconds of work, so that no request notices."""
    purge_pause_s: float = 0.05
    """``TOWPATH_PURGE_PAUSE_S``: rest between two batches, about as long as a batch, so that half the disk is for others."""
    purge_interval_s: float = 60.0
    """``TOWPATH_PURGE_INTERVAL_S``: rest after everything is purged; keys expire by the day."""

    @property
    def application_name(self) -> str:
        """How the connections of this replica present themselves to PostgreSQL."""
        return f"towpath/{self.replica}"


_NUMBERS: Mapping[str, tuple[str, type[int] | type[float], float]] = {
    "TOWPATH_PG_POOL_MAX": ("pool_max", int, 1),
    "TOWPATH_PG_POOL_MIN": ("pool_min", int, 0),
    "TOWPATH_CONNECT_TIMEOUT_S": ("connect_timeout_s", float, 0),
    "TOWPATH_FLUSH_INTERVAL_S": ("flush_interval_s", float, 0.01),
    "TOWPATH_REPORT_INTERVAL_S": ("report_interval_s", float, 0),
    "TOWPATH_REPORT_LENGTH_S": ("report_length_s", float, 0),
    "TOWPATH_PURGE_BATCH_ROWS": ("purge_batch_rows", int, 1),
    "TOWPATH_PURGE_PAUSE_S": ("purge_pause_s", float, 0),
    "TOWPATH_PURGE_INTERVAL_S": ("purge_interval_s", float, 0.01),
}


def variables() -> tuple[str, ...]:
    """Names of the variables that are read, the required one marked with a star."""
    return ("TOWPATH_PG_CONNECTION_URL*", "TOWPATH_HTTP_ADDRESS", "TOWPATH_REPLICA", *_NUMBERS)


def settings_from(environment: Mapping[str, str]) -> Settings:
    """The settings that this environment asks for; an empty variable counts as absent.

    Raises SettingsError.
    """
    url = environment.get("TOWPATH_PG_CONNECTION_URL", "")
    if not url:
        raise SettingsError("TOWPATH_PG_CONNECTION_URL is not set: towpath needs the URL of a PostgreSQL database")
    texts = {
        field: value
        for field, variable in (("http_address", "TOWPATH_HTTP_ADDRESS"), ("replica", "TOWPATH_REPLICA"))
        if (value := environment.get(variable))
    }
    numbers = {
        field: _number(variable, text, kind, least)
        for variable, (field, kind, least) in _NUMBERS.items()
        if (text := environment.get(variable))
    }
    return Settings(pg_connection_url=url, **texts, **numbers)  # pyright: ignore[reportArgumentType]  # by name


def _number(variable: str, text: str, kind: type[int] | type[float], least: float) -> float:
    try:
        value = kind(text)
    except ValueError:
        raise SettingsError(f"{variable} is {text!r}, and must be a number") from None
    # Written so that NaN is refused too.
    if not value >= least:
        raise SettingsError(f"{variable} is {text}, and must be at least {least:g}")
    return value
