"""Plain ordered SQL: ``NNN_name.sql``, run in the order of the numbers.

Not for folders where the order is in a list or in the files. The surprising thing: files in a programming language with such a
name count too, since later SQL may hang on what they do; they are unknown and named. And ``${name}`` is a variable only where
the user gives any, because nobody knows what else it may be.
"""

from __future__ import annotations

import re

from lockage.core.migration.formats.format import Content, FileName, Format, SourceFile
from lockage.core.migration.formats.variables import BRACED, substituted

_SQL = re.compile(r"^(?P<version>[0-9]+)(?:[_.-]+(?P<name>.*?))?\.sql$", re.IGNORECASE)
_OTHER = re.compile(r"^(?P<version>[0-9]+)[_.-]+(?P<name>.*?)\.(?P<language>go|py|rb|js|ts|php|java|kt|cs|ex|exs|sh)$")
_WAY_BACK = re.compile(r"(^|[._-])(down|rollback|undo|revert)$", re.IGNORECASE)


def read_name(file: str) -> FileName | None:
    """Version, name and language of a migration; None for any other file, ``.down.sql`` and the like among them."""
    match = _SQL.match(file)
    if match:
        name = match["name"] or ""
        if _WAY_BACK.search(name):
            return None
        return FileName(version=int(match["version"]), name=re.sub(r"\.up$", "", name))
    other = _OTHER.match(file)
    if other and not other["name"].endswith("_test") and not _WAY_BACK.search(other["name"]):
        return FileName(version=int(other["version"]), name=other["name"], language=other["language"])
    return None


def read_text(file: SourceFile) -> Content:
    """The text as it is; with ``${name}`` replaced where the user gave any value at all."""
    if not file.values:
        return Content(text=file.text)
    return substituted(file.text, pattern=BRACED, value=lambda match: file.values.get(match["name"]))


FORMAT = Format(
    name="plain", naming="NNN_name.sql", transaction="file", read_name=read_name, read_text=read_text, variables=True
)
