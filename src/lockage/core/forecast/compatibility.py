"""Whether the running release survives the new schema: its statements, prepared before the script and executed after it.

Not an argument from the schema: what was executed either failed or did not. The surprising thing: the verdict is never "safe",
only "no break found in so many statements".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lockage.core.forecast.assess import Broken


@dataclass(frozen=True, slots=True, kw_only=True)
class Compatibility:
    """What became of the running release's statements."""

    broken: tuple[Broken, ...] = ()
    checked: int = 0
    assumptions: tuple[str, ...] = ()


def verdict(
    statements: Sequence[str], *, unprepared: Iterable[tuple[str, str]], failed: Iterable[tuple[str, str, str]]
) -> Compatibility:
    """The verdict from those that could not be prepared before the script and those that failed behind it.

    ``unprepared`` are (statement, reason); they prove nothing and become assumptions. ``failed`` are (statement, SQLSTATE,
    message).
    """
    unchecked = tuple(unprepared)
    return Compatibility(
        broken=tuple(Broken(query=query, sqlstate=state, message=message) for query, state, message in failed),
        checked=len(statements) - len(unchecked),
        assumptions=tuple(f"not checked, since it fails before the script too ({why}): {query}" for query, why in unchecked),
    )
