"""What a release asks of its database: the statements of its files, layered release upon release where a profile says so.

Not for executing them, nor for reading what a user hands in (``statement_files``). The surprising thing: a name (``-- name:
x``) ties a statement to the one that it replaces in a later release; statements without a name only ever add up.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from lockage.core.migration.statement import split_statements
from lockage.core.release.version import parse_version
from lockage.errors import UsageError

NAME_MARK = "-- name:"


@dataclass(frozen=True, slots=True, kw_only=True)
class OldStatement:
    """One statement of the running release."""

    text: str  # as it was sent, or as pg_stat_statements prints it: $1 for each constant
    role: str | None = None  # who sends it; None: not known


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningRelease:
    """The statements of the running release that are known, and where from."""

    statements: tuple[OldStatement, ...] = ()
    source: str = ""  # in words for people: "pg_stat_statements", a file's name; "": the profile
    since: str | None = None  # ISO time since which they were collected; None: not said
    remarks: tuple[str, ...] = ()  # what is missing among them, one sentence each

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts alone."""
        return tuple(statement.text for statement in self.statements)


def running_release(statements: RunningRelease | Iterable[str]) -> RunningRelease:
    """The same whether texts alone or more is known; each text counts once for a role."""
    if isinstance(statements, RunningRelease):
        return statements
    return RunningRelease(statements=tuple(OldStatement(text=text) for text in dict.fromkeys(statements)))


_OF_CATALOG = re.compile(r"\b(?:pg_\w+|information_schema)\b", re.IGNORECASE)

_OF_SESSIONS = re.compile(
    r"\s*(?:begin|start\s+transaction|commit|end|rollback|abort|savepoint|release"
    r"|set(?!\s+(?:(?:session|local)\s+)?(?:constraints|role|authorization)\b)"
    r"|reset|show|discard|deallocate|listen|unlisten|notify|checkpoint)\b",
    re.IGNORECASE,
)
"""What begins, ends or sets something: it names nothing that a migration could take away."""

_OF_A_DUMP = re.compile(r"\s*lock\s+table\s.*\sin\s+access\s+share\s+mode\s*", re.IGNORECASE | re.DOTALL)
"""How ``pg_dump`` begins. No application has a use for it."""


def of_application(release: RunningRelease) -> RunningRelease:
    """The same without what proves nothing of the application: statements of tools, and what divides and sets up sessions.

    Of tools are those that look at the catalog only, and the lock with which a dump begins, Lockage's own among them.
    """
    kept = tuple(
        each
        for each in release.statements
        if not (_OF_SESSIONS.match(each.text) or _OF_A_DUMP.fullmatch(each.text) or looks_at_the_catalog_only(each.text))
    )
    return replace(release, statements=kept)


def looks_at_the_catalog_only(text: str) -> bool:
    """Whether a statement names and calls nothing that is not PostgreSQL's own, as those of tools do."""
    if not _OF_CATALOG.search(text):
        return False
    try:
        names = [name for statement in split_statements(text, file="statement") for name in statement.names]
        calls = [name for statement in split_statements(text, file="statement") for name in statement.calls]
    except UsageError:
        return False
    looked_at = names or calls
    return bool(looked_at) and all(
        name.schema in {"pg_catalog", "information_schema"} or name.name.startswith("pg_") for name in looked_at
    )


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
