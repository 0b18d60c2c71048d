"""The small store of one run.

Not for what others must see: that stands on the objects, which win over it. The surprising thing: it has one writer at a time.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """One line of a run's story: what was about to be done, or was done, or was seen."""

    at: datetime
    kind: str  # "run", "plan", "step-begun", "step-done", "acted", "saw", "halted", "ended"
    hop: int  # index into the route, from 0; -1: of the whole run
    step: str  # name of the step; "" where there is none
    text: str  # one sentence for people
    data: bytes = b"{}"  # JSON of a record, for us


class Journal(Protocol):
    """The small store of one run: append, read, one writer at a time."""

    @property
    def run_id(self) -> str:
        """Identity of the run, sortable by time."""
        ...

    def append(self, entry: JournalEntry) -> None:
        """Add one entry; it is on disk when this returns."""
        ...

    def entries(self) -> tuple[JournalEntry, ...]:
        """All entries, oldest first."""
        ...


class Journals(Protocol):
    """All runs that this machine knows of."""

    def create(self, deployment: str, *, run_id: str) -> AbstractContextManager[Journal]:
        """A new run's journal, locked for writing. Raises ``RefusedError`` (LK312) when a run of it is being written."""
        ...

    def open(self, run_id: str) -> AbstractContextManager[Journal]:
        """An existing run's journal, locked for writing. Raises ``RefusedError`` (LK312) when another process writes it."""
        ...

    def read(self, run_id: str) -> tuple[JournalEntry, ...]:
        """Entries of a run, without the lock."""
        ...

    def runs(self, deployment: str | None = None) -> tuple[str, ...]:
        """Identities of all runs (of one deployment), oldest first."""
        ...
