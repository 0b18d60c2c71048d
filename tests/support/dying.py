"""Die before or after the k-th effect, wherever it is: wraps ports from outside, so the product needs no injection points."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from lockage.ports import JournalEntry

EFFECTS = frozenset(
    {
        "scale",
        "annotate",
        "roll_out",
        "pin",
        "unpin",
        "hold_lease",
        "drop_lease",
        "cancel",
        "terminate",
        "hold_fence",
        "append",
        "mend",
    }
)
"""Methods of the ports that change something."""


class Died(BaseException):
    """The process is gone."""


@dataclass
class Death:
    """Counts effects and dies at one of them; ``at`` None: never, only counts.

    ``of`` counts only effects of that name: a method, or ``append KIND HOP STEP`` for an entry of the journal. A number
    among all effects is no place in a real run, where leases are renewed by the clock.
    """

    at: int | None = None
    when: Literal["before", "after"] = "before"
    die: Callable[[], None] | None = None
    of: str | None = None
    count: int = 0

    def __call__(self, effect: Callable[[], object], name: str = "") -> object:
        if self.of not in {None, name}:
            return effect()
        k, self.count = self.count, self.count + 1
        if k == self.at and self.when == "before":
            self._end()
        result = effect()
        if k == self.at and self.when == "after":
            self._end()
        return result

    def _end(self) -> None:
        if self.die is not None:
            self.die()
        raise Died


class Mortal:
    """A port whose effects go through a ``Death``."""

    def __init__(self, port: object, death: Death) -> None:
        self._port = port
        self._death = death

    def __getattr__(self, name: str) -> object:
        member = getattr(self._port, name)
        if name not in EFFECTS:
            return member
        return lambda *args, **kwargs: self._death(lambda: member(*args, **kwargs), _named(name, args))


def _named(method: str, args: tuple[object, ...]) -> str:
    if args and isinstance(entry := args[0], JournalEntry):
        return f"append {entry.kind} {entry.hop} {entry.step}".rstrip()
    return method
