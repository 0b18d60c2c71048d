"""A database on which the processor is not timed, so that two forecasts of it have the same seconds."""

from __future__ import annotations

from typing import Any

import psycopg


def leave_untimed(admin: psycopg.Connection[Any]) -> None:
    """Takes from the database, a superuser's, what the processor is timed with."""
    admin.execute("alter function pg_catalog.md5(text) rename to md5_of_another_name")
