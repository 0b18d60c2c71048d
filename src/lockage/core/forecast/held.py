"""The locks that a transaction holds behind each of its statements.

Not for what they mean for users (``timeline``). The surprising thing: a transaction gives nothing back before its end, but for
a rollback to a savepoint, so what is held behind one statement is the beginning of what is held behind the next; all of a
transaction's share one list, and a script of a thousand statements in one transaction stays as cheap as many short ones.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple, cast, overload


class HeldLock(NamedTuple):
    """One lock that the traced session holds on a relation; a tuple, since there are thousands behind each statement."""

    oid: int
    mode: str  # as PostgreSQL prints it


class _Log:
    """Locks in the order of being taken, with their places."""

    __slots__ = ("distinct", "locks", "places", "places_in", "places_of")

    def __init__(self) -> None:
        self.locks: list[HeldLock] = []
        self.places: dict[HeldLock, int] = {}
        self.places_of: dict[int, list[int]] = {}  # by oid
        self.places_in: dict[str, list[int]] = {}  # by mode
        self.distinct: list[int] = [0]  # relations among the first n locks

    def extend(self, locks: Iterable[HeldLock]) -> None:
        for lock in locks:
            if lock in self.places:
                continue
            place = len(self.locks)
            self.distinct.append(self.distinct[-1] + (lock.oid not in self.places_of))
            self.places[lock] = place
            self.places_of.setdefault(lock.oid, []).append(place)
            self.places_in.setdefault(lock.mode, []).append(place)
            self.locks.append(lock)


class HeldLocks(Sequence[HeldLock]):
    """The locks behind one statement, each once, in the order of being taken."""

    __slots__ = ("_length", "_log")

    def __init__(self, locks: Iterable[HeldLock] = (), *, log: _Log | None = None) -> None:
        self._log = log or _Log()
        self._log.extend(locks)
        self._length = len(self._log.locks)

    def grown(self, taken: Iterable[HeldLock]) -> HeldLocks:
        """These and more, which come behind; they share what they have in common."""
        new = [lock for lock in taken if lock not in self]
        if not new:
            return self
        if self._length == len(self._log.locks):
            return HeldLocks(new, log=self._log)
        return HeldLocks([*self, *new])

    @property
    def oids(self) -> Collection[int]:
        """The relations, each once."""
        return _Oids(self._log, self._length)

    def of(self, oid: int) -> Iterator[HeldLock]:
        """The locks on one relation."""
        return (self._log.locks[place] for place in self._log.places_of.get(oid, ()) if place < self._length)

    def held_in(self, mode: str) -> Iterator[int]:
        """The relations that are locked in this mode, each once."""
        return (self._log.locks[place].oid for place in self._log.places_in.get(mode, ()) if place < self._length)

    def continues(self, before: HeldLocks) -> bool:
        """Whether it is known to have grown out of ``before``, and has all that it had."""
        return self._log is before._log and self._length >= before._length

    def since(self, before: HeldLocks) -> tuple[Sequence[HeldLock], Sequence[HeldLock]]:
        """What was taken since ``before``, and what was given back."""
        if self._log is before._log:
            locks = self._log.locks
            return locks[before._length : self._length], locks[self._length : before._length]
        return [lock for lock in self if lock not in before], [lock for lock in before if lock not in self]

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> HeldLock: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[HeldLock]: ...
    def __getitem__(self, index: int | slice) -> HeldLock | Sequence[HeldLock]:
        if isinstance(index, slice):
            return self._log.locks[: self._length][index]
        return self._log.locks[range(self._length)[index]]

    def __iter__(self) -> Iterator[HeldLock]:
        return (self._log.locks[place] for place in range(self._length))

    def __contains__(self, lock: object) -> bool:
        place = self._log.places.get(lock)  # type: ignore[call-overload]
        return place is not None and place < self._length

    def __eq__(self, other: object) -> bool:
        if isinstance(other, (HeldLocks, tuple)):
            return tuple(self) == tuple(cast("Sequence[HeldLock]", other))
        return NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return f"HeldLocks({list(self)!r})"


class _Oids(Collection[int]):
    """The relations of the first locks of a log."""

    __slots__ = ("_length", "_log")

    def __init__(self, log: _Log, length: int) -> None:
        self._log, self._length = log, length

    def __contains__(self, oid: object) -> bool:
        places = self._log.places_of.get(oid)  # type: ignore[call-overload]
        return places is not None and places[0] < self._length

    def __iter__(self) -> Iterator[int]:
        return (oid for oid, places in self._log.places_of.items() if places[0] < self._length)

    def __len__(self) -> int:
        return self._log.distinct[self._length]
