"""What goes on in the database that a script is for: open transactions, connections, statements and how often they come.

Not for judging it (``waiting``). The surprising thing: a look never fails as a whole. What could not be seen is a sentence in
``problems``, and whatever hangs on it is not known.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from lockage.core.facts import RelationLock, Session


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementLoad:
    """One statement that the server has counted (``pg_stat_statements``)."""

    text: str  # with $1 for constants, as the server keeps it
    calls_s: float | None  # calls a second, on average since they are counted; None: not known
    mean_s: float
    max_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedLocks:
    """One prepared transaction with what it locks."""

    gid: str
    user: str
    age_s: float
    locks: tuple[RelationLock, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """One look."""

    sessions: tuple[Session, ...] = ()  # of this database, Lockage's own left out
    snapshots: Mapping[int, float] = field(default_factory=dict[int, float])  # pid to seconds since its transaction began
    prepared: tuple[PreparedLocks, ...] = ()
    statements: tuple[StatementLoad, ...] | None = None  # None: nobody counts them, or they cannot be read
    counted_since: datetime | None = None  # aware; None: rates come from two looks a moment apart
    free_connections: int | None = None  # of the application: idle ones, and those that may still be opened
    problems: tuple[str, ...] = ()

    @property
    def calls_s(self) -> float | None:
        """Queries a second, all together; not what begins, ends or sets something."""
        known = [load.calls_s for load in self.statements or () if load.calls_s is not None and _QUERY.match(load.text)]
        return round(sum(known), 3) if known else None


_QUERY = re.compile(r"(?:\s|\()*(?:select|insert|update|delete|merge|with|values|table|copy)\b", re.IGNORECASE)
