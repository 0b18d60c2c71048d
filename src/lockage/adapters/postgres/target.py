"""One live database, asked how fast it is: as the protocol ``Target`` asks for it.

Not for shadows, and not for the schema. The surprising thing: every question opens a session of its own with limits of its own,
because one that may write must not be the one that promises not to.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

import psycopg

from lockage.adapters.postgres import target_samples, target_scratch
from lockage.adapters.postgres.session import connect, foreign_errors
from lockage.adapters.postgres.target_reading import read_target
from lockage.core.forecast.target_reading import Sample, TargetReading
from lockage.ports import Narrate
from lockage.settings import Watching

SAMPLE_LIMIT_S = 2.0
"""One sample scan: its few pages take milliseconds, and where they do not, nobody should wait for them."""

WRITE_LIMIT_S = 10.0
"""One statement in the scratch schema: the longest takes 0.3 s on a slow server."""

LOCK_LIMIT_S = 0.2
"""Behind a lock is no place for a sample: whoever waits there makes others wait."""

DROP_LOCK_LIMIT_S = 5.0
"""Nobody but a dump or an autovacuum can be in a schema of ours, and both go."""


class PostgresTarget:
    """A database by its URL; ``password`` is asked for each connection, and wins over the URL's."""

    def __init__(self, url: str, *, watching: Watching | None = None, password: Callable[[], str] | None = None) -> None:
        self._url = url
        self._watching = watching or Watching()
        self._password = password

    def reading(self) -> TargetReading:
        """What settings, views and a short query without a table tell; what the role may not see is left out."""
        limit_s = self._watching.statement_timeout_s
        with closing(self._session(limit_s=limit_s, read_only=True)) as connection, foreign_errors("reading the settings"):
            return read_target(connection)

    def require_writes(self) -> None:
        """Nothing, where a schema can be made. Raises RefusedError (LK701, LK702)."""
        limit_s = self._watching.statement_timeout_s
        with (
            closing(self._session(limit_s=limit_s, read_only=True)) as connection,
            foreign_errors("asking what may be written"),
        ):
            target_scratch.refuse_without_rights(connection)

    def timed_reads(self, relations: Sequence[str], *, narrate: Narrate) -> tuple[Sample, ...]:
        """Queries without a table, and scans of a few pages of these relations, timed."""
        narrate(target_samples.sampling(relations))
        with (
            closing(self._session(limit_s=SAMPLE_LIMIT_S, read_only=True)) as connection,
            foreign_errors("timing samples"),
        ):
            return tuple(target_samples.time_reads(connection, relations))

    def timed_writes(self, *, narrate: Narrate) -> tuple[Sample, ...]:
        """Inserts, updates, index builds and the rest, timed in a schema made for it and dropped again.

        Raises RefusedError (LK701, LK702) and HaltedError (LK703).
        """
        with (
            closing(self._session(limit_s=WRITE_LIMIT_S)) as connection,
            foreign_errors("timing writes in a scratch schema"),
        ):
            target_scratch.refuse_without_rights(connection)
            for schema in target_scratch.sweep(connection):
                narrate(f"dropped schema {schema}, which an earlier calibration had left")
            narrate("calibrating by writing: about 60 MB of WAL, in a schema that is made for it and dropped again")
            with target_scratch.scratch_schema(connection, again=self._dropping, narrate=narrate):
                return tuple(target_scratch.time_writes(connection))

    def _session(self, *, limit_s: float, read_only: bool = False) -> psycopg.Connection[Any]:
        return connect(
            self._url,
            what="calibrate",
            lock_timeout_s=LOCK_LIMIT_S,
            statement_timeout_s=limit_s,
            connect_timeout_s=self._watching.connect_timeout_s,
            read_only=read_only,
            password=self._password,
        )

    def _dropping(self) -> psycopg.Connection[Any]:
        return connect(
            self._url,
            what="calibrate",
            lock_timeout_s=DROP_LOCK_LIMIT_S,
            statement_timeout_s=WRITE_LIMIT_S,
            connect_timeout_s=self._watching.connect_timeout_s,
            password=self._password,
        )
