"""What each release asks of its database, as data: the application runs these, and others may print them.

Not for migrations. The surprising thing: PostgreSQL's own ``$1`` stands in them, not psycopg's ``%s``, so that the very text
that the server sees can be prepared by anyone.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lockage.demo.towpath.releases import Release

_MARK = "-- name: "


def statements_of(release: Release) -> Mapping[str, str]:
    """The statements of the release by name, in the order of their first appearance, each without its semicolon."""
    found: dict[str, str] = {}
    for name in release.statement_sets:
        found.update(_read_set(name))
    return found


@cache
def _read_set(name: str) -> Mapping[str, str]:
    text = (Path(__file__).parent / "statements" / f"{name}.sql").read_text(encoding="utf-8")
    # What stands before the first mark is the file's own comment.
    parts = text.split(_MARK)[1:]
    return {title.strip(): body.strip().removesuffix(";") for title, body in (part.split("\n", 1) for part in parts)}


def printed(statements: Mapping[str, str]) -> str:
    """The statements as one SQL file, each headed by its name; `statements_of` would read it back."""
    return "\n\n".join(f"{_MARK}{name}\n{sql};" for name, sql in statements.items()) + "\n"
