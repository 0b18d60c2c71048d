"""The journals port in memory, with one writer a deployment at a time; passes the same suite as the one on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from lockage.errors import RefusedError, UsageError
from lockage.ports import Journal, JournalEntry


class MemoryJournal:
    """The journal port in memory; outlives the "process" that wrote it, as a file does."""

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self._entries: list[JournalEntry] = []

    @property
    def run_id(self) -> str:
        return self._run_id

    def append(self, entry: JournalEntry) -> None:
        self._entries.append(entry)

    def entries(self) -> tuple[JournalEntry, ...]:
        return tuple(self._entries)


class MemoryJournals:
    """The journals port in memory. ``wrap`` stands between a writer and its journal."""

    def __init__(self) -> None:
        self.journals: dict[str, MemoryJournal] = {}
        self.wrap: Callable[[Journal], Journal] = lambda journal: journal
        self._deployments: dict[str, str] = {}
        self._written: set[str] = set()

    @contextmanager
    def create(self, deployment: str, *, run_id: str) -> Iterator[Journal]:
        with self._only_writer(deployment):
            if run_id in self.journals:
                raise RefusedError(f"run {run_id} exists already", code="LK314")
            self._deployments[run_id] = deployment
            self.journals[run_id] = MemoryJournal(run_id)
            yield self.wrap(self.journals[run_id])

    @contextmanager
    def open(self, run_id: str) -> Iterator[Journal]:
        journal = self._journal(run_id)
        with self._only_writer(self._deployments[run_id]):
            yield self.wrap(journal)

    def read(self, run_id: str) -> tuple[JournalEntry, ...]:
        return self._journal(run_id).entries()

    def runs(self, deployment: str | None = None) -> tuple[str, ...]:
        return tuple(sorted(r for r in self.journals if deployment is None or self._deployments.get(r) == deployment))

    def _journal(self, run_id: str) -> MemoryJournal:
        if run_id not in self.journals:
            raise UsageError(f"no run {run_id}", code="LK319")
        return self.journals[run_id]

    @contextmanager
    def _only_writer(self, deployment: str) -> Iterator[None]:
        if deployment in self._written:
            raise RefusedError(f"a run of {deployment} is being written", code="LK312")
        self._written.add(deployment)
        try:
            yield
        finally:
            self._written.discard(deployment)
