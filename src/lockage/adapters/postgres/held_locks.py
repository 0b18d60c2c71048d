"""Reads which locks another session holds on relations, and of a long transaction only those that are new.

Not for locks that are waited for (``gates``), nor for production. The surprising thing: the server is told what is known, and
answers with the rest and the number of all; where the two do not make up that number something was given back, and everything
is read anew. So nothing is taken for held because it once was.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import Dumper
from psycopg.pq import Format
from psycopg.rows import TupleRow

from lockage.adapters.postgres.session import load_sql
from lockage.core.forecast.held import HeldLock, HeldLocks
from lockage.core.forecast.lock_modes import MODES

_BY_LENGTH = {len(mode): mode for mode in MODES}
_KEY = struct.Struct("!iq")
_BIGINT, _BIGINTS = 20, 1016
"""Oids of the types. Source: PostgreSQL 18, src/include/catalog/pg_type.dat."""


class _Known:
    """Locks as ``select_new_locks.sql`` takes them; they grow at their end, so that not all are written out each time."""

    def __init__(self) -> None:
        self.keys = bytearray()

    def add(self, keys: Sequence[int]) -> None:
        for key in keys:
            self.keys += _KEY.pack(8, key)


class _KnownDumper(Dumper):
    """An array as it goes over the wire. Source: PostgreSQL 18, src/backend/utils/adt/arrayfuncs.c, array_send."""

    format = Format.BINARY
    oid = _BIGINTS

    def dump(self, obj: _Known) -> Buffer:
        count = len(obj.keys) // _KEY.size
        if not count:
            return struct.pack("!iiI", 0, 0, _BIGINT)
        return struct.pack("!iiIii", 1, 0, _BIGINT, count, 1) + obj.keys


class HeldLockReader:
    """Reads the locks of the backend ``pid`` in the session ``observer``, which has nothing open."""

    def __init__(self, observer: psycopg.Connection[TupleRow], *, pid: int) -> None:
        self._observer = observer
        self._pid = pid
        observer.adapters.register_dumper(_Known, _KnownDumper)
        # Before 14 each lock would be compared with each that is known.
        self._remembers = observer.info.server_version >= 140_000
        self._locks = HeldLocks()
        self._known = _Known()

    def read(self) -> HeldLocks:
        """What is held now; shares its beginning with the reading before, where nothing of that was given back."""
        if not self._remembers:
            self.forget()
        count, new = self._ask()
        if count - len(new) != len(self._locks):
            self.forget()
            _, new = self._ask()
        self._locks = self._locks.grown(sorted(_lock(key) for key in new))
        if self._remembers:
            self._known.add(new)
        return self._locks

    def forget(self) -> None:
        """Begins anew, as in a new transaction."""
        self._locks, self._known = HeldLocks(), _Known()

    def _ask(self) -> tuple[int, Sequence[int]]:
        values = {"pid": self._pid, "known": self._known}
        ((count, new),) = self._observer.execute(load_sql("select_new_locks"), values).fetchall()
        return int(count), new or ()


def _lock(key: int) -> HeldLock:
    return HeldLock(key // 32, _BY_LENGTH[key % 32])
