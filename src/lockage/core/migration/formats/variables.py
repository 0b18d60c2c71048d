"""Variables in a migration's text, put in or reported with their lines.

Not for what a format calls a variable: its module says so with a pattern. The surprising thing: one without a value is left in
the text and reported, because whether that matters is known only when the migration is chosen.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from lockage.core.migration.formats.format import Content, Unset

BRACED = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_.:-]*)\}")
"""``${name}``: how Flyway writes a placeholder by default. Source: Flyway documentation, "Placeholders"."""


def substituted(text: str, *, pattern: re.Pattern[str], value: Callable[[re.Match[str]], str | None]) -> Content:
    """The text with each match of ``pattern`` (its group ``name``) replaced by ``value`` of it; None: nobody said it."""
    unset: list[Unset] = []
    line, counted = 1, 0

    def put(match: re.Match[str]) -> str:
        nonlocal line, counted
        found = value(match)
        if found is None:
            line, counted = line + text.count("\n", counted, match.start()), match.start()
            unset.append(Unset(name=match["name"], line=line))
            return match[0]
        return found

    return Content(text=pattern.sub(put, text), unset=tuple(unset))
