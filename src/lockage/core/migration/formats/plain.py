"""Plain ordered SQL: ``NNN_name.sql``, run in the order of the numbers.

Not for folders where the order is in a list or in the files. The surprising thing: files in a programming language with such a
name count too, since later SQL may hang on what they do; they are unknown and named.
"""

from __future__ import annotations

import re

from lockage.core.migration.formats.format import FileName, Format

_SQL = re.compile(r"^(?P<version>[0-9]+)(?:[_.-]+(?P<name>.*?))?\.sql$", re.IGNORECASE)
_OTHER = re.compile(r"^(?P<version>[0-9]+)[_.-]+(?P<name>.*?)\.(?P<language>go|py|rb|js|ts|php|java|kt|cs|ex|exs|sh)$")


def read_name(file: str) -> FileName | None:
    """Version, name and language of a migration; None for any other file, ``.down.sql`` and the like among them."""
    match = _SQL.match(file)
    if match:
        name = match["name"] or ""
        if re.search(r"(^|[._-])(down|rollback|undo|revert)$", name, re.IGNORECASE):
            return None
        return FileName(version=int(match["version"]), name=re.sub(r"\.up$", "", name))
    other = _OTHER.match(file)
    if other and not other["name"].endswith("_test"):
        return FileName(version=int(other["version"]), name=other["name"], language=other["language"])
    return None


FORMAT = Format(name="plain", naming="NNN_name.sql", transaction="file", read_name=read_name)
