"""What a release asks of its database: the statements of its files, layered release upon release where a profile says so.

Not for executing them. The surprising thing: a name (``-- name: x``) ties a statement to the one that it replaces in a later
release; statements without a name only ever add up.
"""

from __future__ import annotations

from collections.abc import Sequence

from lockage.core.migration.statement import split_statements
from lockage.core.release.version import parse_version

NAME_MARK = "-- name:"


def layers(release: str, known: Sequence[str], *, inherit: bool) -> tuple[str, ...]:
    """The releases whose files make up a release's statements, oldest first: itself alone unless files inherit."""
    if not inherit:
        return (release,)
    version = parse_version(release)
    return tuple(sorted((r for r in known if parse_version(r) <= version), key=parse_version))


def merged(files: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """The statements of (file name, text) pairs, oldest first: a later one replaces an earlier one of the same name.

    Raises ``UsageError`` for SQL that does not parse.
    """
    found: dict[str, str] = {}
    for file, text in files:
        for name, block in _blocks(text):
            for index, statement in enumerate(split_statements(block, file=file)):
                key = f"{name} {index}" if name else f"{file} {len(found)}"
                found[key] = statement.text
    return tuple(found.values())


def _blocks(text: str) -> list[tuple[str, str]]:
    """The text cut at its names; what stands before the first one has none."""
    blocks: list[tuple[str, list[str]]] = [("", [])]
    for line in text.splitlines(keepends=True):
        if line.startswith(NAME_MARK):
            blocks.append((line.removeprefix(NAME_MARK).strip(), []))
        else:
            blocks[-1][1].append(line)
    return [(name, "".join(lines)) for name, lines in blocks if "".join(lines).strip()]
