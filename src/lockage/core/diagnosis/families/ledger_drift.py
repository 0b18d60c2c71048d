"""The catalog beside the one that a clean run of the same migrations makes, where somebody had them compared.

A part of the family ``ledger``. The surprising thing: "changed by hand" and "never run, though the ledger is full" look alike
in each single difference. What tells them apart is whether all that a file makes is missing, or whether each statement commits
alone, so that a migrator may have gone on behind what it had not done.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from lockage.core.diagnosis.findings import Case, Exhibit, Finding
from lockage.core.diagnosis.sources import last_of_image
from lockage.core.diagnosis.typed import lockage
from lockage.core.facts import LedgerReading, LedgerState
from lockage.core.wording import listed

LEAST_OBJECTS = 2
"""From so many missing objects on, all of them one file's, nobody dropped them by hand."""

_MISSING = re.compile(r"(?P<kind>\w+) (?P<name>\S+)(?: (?:of|on) \S+)? is missing")
_MADE = re.compile(
    r"\bcreate\s+(?:or\s+replace\s+)?(?:unlogged\s+)?(?:unique\s+)?(?:materialized\s+)?"
    r"(?P<kind>table|index|view|type|sequence|function|trigger)\s+(?:concurrently\s+)?(?:if\s+not\s+exists\s+)?"
    r'(?P<name>[\w."]+)(?:\s+on\s+(?:only\s+)?(?P<on>[\w."]+))?'
    r'|\badd\s+(?:column|constraint)\s+(?:if\s+not\s+exists\s+)?(?P<added>[\w."]+)',
    re.IGNORECASE,
)
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)


def drifted(case: Case, ledger: LedgerReading | None) -> Iterator[Finding]:
    """F064 and F068: the catalog is not what the ledger says; ``ledger`` where nobody migrates."""
    drift = case.evidence.database.drift
    if not drift or ledger is None or ledger.state is not LedgerState.READ or ledger.dirty:
        return
    lacking = tuple(text for text in drift if _MISSING.match(text))
    shown = tuple(Exhibit(source="the catalog beside that of a clean run", text=text) for text in drift)
    left_out = _left_out(case, lacking, until=ledger.version or 0)
    alone = bool(lacking) and case.profile.migrations.transaction == "statement" and ledger.version == last_of_image(case)
    if alone or left_out:
        files = f"nothing that {listed(left_out)} makes is there: " if left_out else ""
        yield Finding(
            code="F068",
            cause="the schema is neither release's though the ledger is full: "
            f"the ledger is at {ledger.version}, and {files}{_first(lacking)}",
            confidence=0.85 if alone else 0.75,
            why="each statement commits alone, what migrations make is missing, and the ledger says that all of them ran"
            if alone
            else "all that a file makes is missing, and the ledger says that it ran",
            evidence=shown,
            next=lockage(case, "verify", "--catalog"),
            avoid="do not trust a start without errors: the migrator looks at the ledger, and not at the schema",
        )
        return
    yield Finding(
        code="F064",
        cause=f"the schema is not what the ledger says: the ledger is at {ledger.version}, and {_first(drift)}",
        confidence=0.9,
        why="the catalog was compared with the one that a clean run of the same migrations makes",
        evidence=shown,
        next=lockage(case, "verify", "--catalog"),
        avoid="do not migrate on before the difference is settled: a later migration may stop at it half-way",
    )


def _first(drift: Sequence[str]) -> str:
    return f"{drift[0]} ({len(drift) - 1} more)" if len(drift) > 1 else drift[0]


def _left_out(case: Case, lacking: Sequence[str], *, until: int) -> tuple[str, ...]:
    """Migrations of which everything that they make is missing; none where that may be a person's doing."""
    names = {_bare(match["name"]) for text in lacking if (match := _MISSING.match(text))}
    found: list[str] = []
    objects = 0
    for migration in case.script:
        made = tuple(_made(migration.text)) if migration.version <= until else ()
        if made and all(name in names or on in names for name, on in made):
            found.append(f"migration {migration.version}" + (f" ({migration.name})" if migration.name else ""))
            objects += len(made)
    return tuple(found) if objects >= LEAST_OBJECTS else ()


def made_by(text: str) -> tuple[str, ...]:
    """Names, in small letters and without a schema, of the objects that a file makes."""
    return tuple(name for name, _ in _made(text))


def _made(text: str) -> Iterator[tuple[str, str | None]]:
    """Each object that a file makes, with the table that it goes with."""
    for match in _MADE.finditer(_COMMENT.sub(" ", text)):
        on = match["on"]
        yield _bare(match["name"] or match["added"]), _bare(on) if on else None


def _bare(name: str) -> str:
    return name.rpartition(".")[2].strip('"').lower()
