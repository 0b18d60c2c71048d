"""What a rule gives: a danger at its place. ``find`` makes a hazard of it, with the catalogue's severity and remedy.

Not for people. The surprising thing: a rule says a severity only where what it measured makes the danger milder or worse than
the catalogue has it.
"""

from __future__ import annotations

from dataclasses import dataclass

from lockage.core.forecast.assess import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One danger."""

    code: str
    sentence: str  # the object, the measured value, the limit; without a full stop
    relation: str | None = None  # as before the script
    file: str = ""
    line: int = 0
    severity: Severity | None = None  # None: the catalogue's
    remedy: str | None = None  # None: the catalogue's
