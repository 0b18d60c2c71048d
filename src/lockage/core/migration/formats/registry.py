"""All migration formats by name, and which one a folder's files are in.

Not for describing a format: each has a module of its own. The surprising thing: a folder of golang-migrate's files also fits
the plain naming, so the more particular format is tried first.

Codes: LK406 an unknown format.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lockage.core.migration.formats import golang_migrate, plain
from lockage.core.migration.formats.format import Format
from lockage.errors import UsageError

FORMATS: Mapping[str, Format] = {fmt.name: fmt for fmt in (golang_migrate.FORMAT, plain.FORMAT)}


def format_named(name: str) -> Format:
    """The format of that name. Raises ``UsageError`` (LK406)."""
    if name not in FORMATS:
        raise UsageError(f"no migration format is called {name}", code="LK406", hint="one of: " + ", ".join(FORMATS))
    return FORMATS[name]


def format_of(files: Iterable[str]) -> Format:
    """The format that the names fit: the first with any migration among them, else plain."""
    names = tuple(files)
    return next((fmt for fmt in FORMATS.values() if any(fmt.read_name(name) for name in names)), plain.FORMAT)
