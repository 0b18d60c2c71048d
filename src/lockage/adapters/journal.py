"""The journal: the story of each run in a small SQLite file that survives whatever happens to its writer.

Not a store of truth about the deployment (what stands on the objects wins) and not a queue. The surprising thing: the one
writer is told apart by a ``flock`` on a file beside the journals of a *deployment*, not of a run, so that going on with an
old run and beginning a new one exclude each other; the kernel drops the lock with its process, however that ends. Children
do not inherit it.

Codes: LK312 another process writes · LK314 the run exists already · LK316 the folder cannot be written · LK317 a damaged or
foreign file · LK319 no such run.
"""

from __future__ import annotations

import fcntl
import os
import re
import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, unquote

from lockage.errors import LockageError, RefusedError, UsageError
from lockage.ports import JournalEntry

APPLICATION_ID = 0x4C6F636B
"""Marks a file as ours ("Lock"). Source: SQLite, PRAGMA application_id."""

FORMAT = 1
"""Of the tables below; kept in ``PRAGMA user_version``."""

BUSY_TIMEOUT_S = 5.0
"""Longest wait for SQLite's own short locks. Readers hold them for milliseconds; the writer is alone by the flock."""

_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SUFFIX = ".journal"
_LOCK = "writer.lock"
_COLUMNS = "at, kind, hop, step, text, data"

_CREATE = """
CREATE TABLE IF NOT EXISTS entry (
    seq  INTEGER PRIMARY KEY AUTOINCREMENT,
    at   TEXT    NOT NULL,
    kind TEXT    NOT NULL,
    hop  INTEGER NOT NULL,
    step TEXT    NOT NULL,
    text TEXT    NOT NULL,
    data BLOB    NOT NULL
)
"""


class SqliteJournal:
    """One run's journal, opened by its one writer."""

    def __init__(self, *, run_id: str, file: Path, connection: sqlite3.Connection) -> None:
        self._run_id = run_id
        self._file = file
        self._connection = connection

    @property
    def run_id(self) -> str:
        """Identity of the run, sortable by time."""
        return self._run_id

    def append(self, entry: JournalEntry) -> None:
        """Add one entry; it is on disk when this returns."""
        with _translated(self._file):
            self._connection.execute(
                f"INSERT INTO entry ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)",  # noqa: S608 - a constant
                (entry.at.astimezone(UTC).isoformat(), entry.kind, entry.hop, entry.step, entry.text, entry.data),
            )

    def entries(self) -> tuple[JournalEntry, ...]:
        """All entries, oldest first."""
        with _translated(self._file):
            return _read(self._connection)


class SqliteJournals:
    """All journals under a folder: one sub-folder a deployment, one file a run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def create(self, deployment: str, *, run_id: str) -> Generator[SqliteJournal]:
        """A new run's journal, locked for writing.

        Raises ``RefusedError``: LK312 while another process writes a run of this deployment, LK314 when the run exists,
        LK316 when the folder cannot be written.
        """
        if not _RUN_ID.fullmatch(run_id):
            raise ValueError(f"not a run id: {run_id!r}")
        folder = self._folder / _folder_name(deployment)
        file = folder / (run_id + _SUFFIX)
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # it quotes queries
        except OSError as error:
            raise _unwritable(folder, error) from error
        with _only_writer(folder, deployment):
            if file.exists():
                raise RefusedError(f"run {run_id} exists already: {file}", code="LK314", hint="lockage runs")
            with _opened(file, create=True) as connection:
                yield SqliteJournal(run_id=run_id, file=file, connection=connection)

    @contextmanager
    def open(self, run_id: str) -> Generator[SqliteJournal]:
        """An existing run's journal, locked for writing.

        Raises ``RefusedError`` (LK312 another process writes, LK317 damaged), ``UsageError`` (LK319) for an unknown run.
        """
        file = self._file(run_id)
        with _only_writer(file.parent, unquote(file.parent.name)), _opened(file, create=True) as connection:
            yield SqliteJournal(run_id=run_id, file=file, connection=connection)

    def read(self, run_id: str) -> tuple[JournalEntry, ...]:
        """Entries of a run, also while another process writes it.

        Raises ``RefusedError`` (LK317) for a damaged file, ``UsageError`` (LK319) for an unknown run.
        """
        with _opened(self._file(run_id), create=False) as connection:
            return _read(connection)

    def runs(self, deployment: str | None = None) -> tuple[str, ...]:
        """Identities of all runs (of one deployment), oldest first; a damaged file is listed too."""
        folder = "*" if deployment is None else _folder_name(deployment).replace("[", "[[]")
        return tuple(sorted(file.name.removesuffix(_SUFFIX) for file in self._folder.glob(f"{folder}/*{_SUFFIX}")))

    def _file(self, run_id: str) -> Path:
        found = list(self._folder.glob(f"*/{run_id}{_SUFFIX}")) if _RUN_ID.fullmatch(run_id) else []
        if not found:
            raise UsageError(f"no run {run_id} under {self._folder}", code="LK319", hint="lockage runs")
        return found[0]


@contextmanager
def _only_writer(folder: Path, deployment: str) -> Generator[None]:
    try:
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(lock, 32, 0).decode(errors="replace").strip()
            process = f"process {holder}" if holder.isdigit() else "another process"
            raise RefusedError(
                f"a run of {deployment} is being written by {process}",
                code="LK312",
                hint=f"lockage watch {deployment}",
            ) from error
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        yield
        os.ftruncate(lock, 0)
    finally:
        os.close(lock)  # the lock goes with it; the file stays, or two could hold "the" lock on two files


@contextmanager
def _opened(file: Path, *, create: bool) -> Generator[sqlite3.Connection]:
    mode = "rwc" if create else "ro"
    with _translated(file):
        raw = sqlite3.connect(f"file:{quote(str(file))}?mode={mode}", uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    with closing(raw) as connection:
        with _translated(file):
            _check_ours(connection, file)
            if create:
                connection.execute("PRAGMA journal_mode = WAL")  # readers do not stop the writer
                connection.execute("PRAGMA synchronous = FULL")  # fsync at every commit: a power cut loses nothing
                connection.execute("BEGIN IMMEDIATE")
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {FORMAT}")
                connection.execute(_CREATE)
                connection.execute("COMMIT")
        yield connection


def _check_ours(connection: sqlite3.Connection, file: Path) -> None:
    application_id = int(connection.execute("PRAGMA application_id").fetchone()[0])
    found = int(connection.execute("PRAGMA user_version").fetchone()[0])
    empty = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    if application_id != APPLICATION_ID and not empty:
        raise _damaged(file, "it is a SQLite file, but not a journal")
    if found > FORMAT:
        raise _damaged(file, f"its format is {found}, newer than {FORMAT}, which this release of Lockage writes")


def _read(connection: sqlite3.Connection) -> tuple[JournalEntry, ...]:
    # A writer killed while it made the file leaves one without the table: a run with nothing in it.
    if connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'entry'").fetchone()[0] == 0:
        return ()
    rows = connection.execute(f"SELECT {_COLUMNS} FROM entry ORDER BY seq")  # noqa: S608 - a constant
    return tuple(
        JournalEntry(at=datetime.fromisoformat(at), kind=kind, hop=hop, step=step, text=text, data=data)
        for at, kind, hop, step, text, data in rows
    )


@contextmanager
def _translated(file: Path) -> Generator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_FULL):
            raise _unwritable(file, error) from error
        raise _damaged(file, str(error)) from error


def _damaged(file: Path, reason: str) -> LockageError:
    return RefusedError(
        f"the journal {file} cannot be read: {reason}",
        code="LK317",
        hint=f"move {file.name} away and start again; what stands on the deployment itself is enough to go on",
    )


def _unwritable(path: Path, error: Exception) -> LockageError:
    return RefusedError(
        f"the journal cannot be written at {path}: {error}",
        code="LK316",
        hint="free space or fix its permissions, or set LOCKAGE_HOME to another folder",
    )


def _folder_name(deployment: str) -> str:
    """A file name that gives the deployment's name back: no slash, no leading dot."""
    return quote(deployment, safe="@ ").replace(".", "%2E") if deployment.startswith(".") else quote(deployment, safe="@ ")
