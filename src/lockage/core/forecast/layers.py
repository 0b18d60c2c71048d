"""Mappings that differ in little and share the rest: the catalog behind one statement of a script and behind the next.

Not for mappings that stand alone: those are plain dictionaries. The surprising thing: what is derived from the shared base (an
index by name, say) is made once for all that share it, so a script may be as long as it likes over however many tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, TypeVar, cast

K = TypeVar("K")
V = TypeVar("V")
T = TypeVar("T")

CHANGES_LIMIT = 256
"""Changes that one mapping carries before it becomes a base of its own: few to go through, and seldom a copy of everything."""


class _Base(Generic[K, V]):
    """Entries that many mappings share, with what was derived from them."""

    __slots__ = ("derived", "entries")

    def __init__(self, entries: dict[K, V]) -> None:
        self.entries = entries
        self.derived: dict[Callable[..., Any], Any] = {}


class Layered(Mapping[K, V]):
    """A mapping; ``changed`` gives another one that shares everything else."""

    __slots__ = ("_compared", "_derived", "_length", "base", "changes")

    def __init__(self, entries: Mapping[K, V]) -> None:
        self.base = _Base(dict(entries))
        self.changes: dict[K, V | None] = {}
        self._derived: dict[Callable[..., Any], Any] = {}
        self._length = -1
        self._compared: tuple[Layered[K, V], tuple[K, ...]] | None = None  # with whom last, and what came of it

    def changed(self, changes: Mapping[K, V | None]) -> Layered[K, V]:
        """The same with these entries set; None: taken out."""
        if not changes:
            return self
        everything = {**self.changes, **changes}
        if len(everything) > CHANGES_LIMIT:
            merged: dict[K, V | None] = {**dict(self.items()), **changes}
            return Layered({key: value for key, value in merged.items() if value is not None})
        found: Layered[K, V] = Layered({})
        found.base, found.changes = self.base, everything
        return found

    def derived(self, make: Callable[[Mapping[K, V]], T]) -> tuple[T, T]:
        """What ``make`` gives of the base, and of the changes that are no removals; each is made once."""
        if make not in self.base.derived:
            self.base.derived[make] = make(self.base.entries)
        if make not in self._derived:
            self._derived[make] = make({key: value for key, value in self.changes.items() if value is not None})
        return self.base.derived[make], self._derived[make]

    def is_changed(self, key: K) -> bool:
        """Whether the base's entry does not count."""
        return key in self.changes

    def differing(self, other: Layered[K, V]) -> tuple[K, ...]:
        """The keys whose entries are not the same in both; gone through once, however often the same two are compared."""
        if self._compared is None or self._compared[0] is not other:
            self._compared = other, tuple(self._go_through(other))
        return self._compared[1]

    def _go_through(self, other: Layered[K, V]) -> Iterator[K]:
        keys: Iterator[K]
        if self.base is other.base:
            keys = iter({**self.changes, **other.changes})
        else:
            keys = iter({**dict.fromkeys(self), **dict.fromkeys(other)})
        for key in keys:
            mine, others = self.get(key), other.get(key)
            if mine is not others and mine != others:
                yield key

    def get(self, key: object, default: Any = None) -> Any:
        """As of a dictionary."""
        wanted: Any = key  # a cast would be a call, millions of times
        if wanted not in self.changes:
            return self.base.entries.get(wanted, default)
        found = self.changes[wanted]
        return default if found is None else found

    def __getitem__(self, key: K) -> V:
        found = self.get(key)
        if found is None:
            raise KeyError(key)
        return found

    def __contains__(self, key: object) -> bool:
        return self.get(key) is not None

    def __iter__(self) -> Iterator[K]:
        if not self.changes:
            yield from self.base.entries
            return
        for key in self.base.entries:
            if key not in self.changes:
                yield key
        for key, value in self.changes.items():
            if value is not None:
                yield key

    def __len__(self) -> int:
        if self._length < 0:
            hidden = len(self.changes.keys() & self.base.entries.keys())
            self._length = len(self.base.entries) - hidden + sum(value is not None for value in self.changes.values())
        return self._length

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Layered):
            return self is other or next(self._go_through(cast("Layered[K, V]", other)), None) is None
        return super().__eq__(other)

    def __hash__(self) -> int:
        return id(self)
