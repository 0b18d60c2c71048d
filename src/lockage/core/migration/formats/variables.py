"""Variables in a migration's text, put in or reported with their lines.

Not for what a format calls a variable: its module says so with a pattern. The surprising thing: one without a value is left in
the text and reported, because whether that matters is known only when the migration is chosen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator

from lockage.core.migration.formats.format import Content, Unset

BRACED = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_.:-]*)\}")
"""``${name}``: how Flyway writes a placeholder by default. Source: Flyway documentation, "Placeholders"."""


_ASKED = re.compile(r"\$\{[^}]*\}|\$\w+|\{\{.*?\}\}", re.DOTALL)
"""Where any format may ask for a variable."""


def unused(names: Collection[str], texts: Iterable[str]) -> Iterator[str]:
    """Of the names those that no text asks for, in the way of whatever format, in small letters or large."""
    asked = {word for text in texts for found in _ASKED.finditer(text) for word in re.findall(r"[\w:.-]+", found[0].lower())}
    asked |= {word.strip(".") for word in asked} | {part for word in asked for part in re.split(r"[:.-]", word)}
    return (name for name in names if name.lower() not in asked)


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
