"""A throw-away PostgreSQL with production's schema, and the session in which a script is traced.

Not for production. The surprising thing: a failed statement is an observation, not an exception.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from lockage.core.catalog.objects import CatalogObject
from lockage.core.facts import Relation
from lockage.core.forecast.beliefs import TableBelief
from lockage.core.forecast.compatibility import Break, Breaks, Unchecked
from lockage.core.forecast.trace import CatalogMark, CatalogRules, Observation
from lockage.core.release.statements import OldStatement


class Shadow(Protocol):
    """A throw-away PostgreSQL with production's schema; gone at the end of its context, or of our process."""

    @property
    def major(self) -> int:
        """Major version of the shadow's server."""
        ...

    @property
    def assumptions(self) -> tuple[str, ...]:
        """What differs from production, one sentence each (missing extensions, unreadable tables, another major)."""
        ...

    def relations(self) -> tuple[Relation, ...]:
        """Relations of the shadow, with production's sizes where a database was copied."""
        ...

    def catalog(self) -> tuple[CatalogObject, ...]:
        """Every object of the catalog that is no extension's, as far as it is committed."""
        ...

    def run(self, sql: str) -> None:
        """Execute a script untraced (earlier migrations), statement by statement, outside a transaction where it must be.

        Raises ``RefusedError`` with the server's message.
        """
        ...

    def session(self) -> AbstractContextManager[TracedSession]:
        """One traced session: what the migrator's connection would be."""
        ...

    def statements(self) -> AbstractContextManager[OldStatements]:
        """A session of the old release with its statements prepared and kept, to be executed after the script."""
        ...

    def twin(self) -> AbstractContextManager[Shadow]:
        """A second shadow as this one was at its beginning, for replaying a script; production is not asked again."""
        ...


class TracedSession(Protocol):
    """The session in which a script is executed statement by statement, and read after each from a second session."""

    def mark(self) -> CatalogMark:
        """Relations as they are now: oids, names, relfilenodes, owners of indexes, TOAST tables and partitions."""
        ...

    def rules(self) -> CatalogRules:
        """Foreign keys, triggers, routines, views and sequences as they are now, uncommitted ones of this session included."""
        ...

    def tell(self, beliefs: Sequence[TableBelief]) -> bool:
        """Make the planner believe what the script has made of tables, without a lock that a reading would show.

        False where it could not be told everything; nothing else happens then.
        """
        ...

    def execute(self, sql: str, *, inner: bool = False, analyzes: Sequence[int] | None = None) -> Observation:
        """Execute one statement and read what it holds, changed and planned. A failure is part of the observation.

        Outside a transaction the statement gets one of its own, whose locks are read before it commits; one that refuses it
        (25001) then runs bare. Inside a transaction opened by ``BEGIN`` 25001 is a failure like any other, and a failed
        statement leaves the transaction aborted until ``ROLLBACK TO`` or ``ROLLBACK``. ``SAVEPOINT``, ``ROLLBACK TO`` and
        ``RELEASE`` are statements like all others. ``inner``: also report which statements ran inside it. ``analyzes``: oids of
        the relations whose statistics it takes anew, () for all; the planner goes on believing those that it had.
        """
        ...

    def execute_all(self, texts: Sequence[str], *, planned: Collection[int]) -> tuple[Observation, int]:
        """Execute statements that change rows, one after the other until one fails, and read once what they did together.

        Gives how many ended well beside it; outside a transaction they get one of their own, which a failure takes back.
        Plans are kept of those at the places ``planned``, and of what ran inside them.
        """
        ...

    def command(self, sql: str) -> None:
        """Execute a statement of our own (savepoints around a traced one) without reading anything. Raises ``RefusedError``."""
        ...


class OldStatements(Protocol):
    """The old release's statements on a kept session."""

    def prepare(self, statements: Sequence[OldStatement]) -> tuple[Unchecked, ...]:
        """Prepare and execute all; gives those that prove nothing: no queries, or not to be prepared even before the script."""
        ...

    def broken(self) -> Breaks:
        """Execute the prepared ones again in rolled-back savepoints; gives those that fail or may, and were left out."""
        ...

    def begun(self, breaks: Collection[Break]) -> frozenset[Break]:
        """Those of another shadow's breaks that have begun on this one by now."""
        ...


class Shadows(Protocol):
    """Makes shadows."""

    def of_database(self, url: str) -> AbstractContextManager[Shadow]:
        """A shadow of a live database: schema, ledger rows, sizes. Takes no lock that could hurt."""
        ...

    def empty(self, *, major: int | None = None) -> AbstractContextManager[Shadow]:
        """A shadow with nothing in it."""
        ...
