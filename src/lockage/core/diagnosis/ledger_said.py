"""What only a migrator says of the ledger, where none was read: that it lacks migrations, or that there is none over tables.

Rules of family ``ledger``. The surprising thing: of an application that nobody has described, and of a database that is deaf,
the migrator's own words are all there is, and they are enough.
"""

from __future__ import annotations

from collections.abc import Iterator

from lockage.core.diagnosis.findings import Case, Finding
from lockage.core.diagnosis.ledger_lines import Objection, ledger_lines
from lockage.core.diagnosis.migrator import migrator
from lockage.core.diagnosis.typed import lockage
from lockage.core.facts import LedgerState
from lockage.core.wording import listed


def told_to_be_older(case: Case) -> Iterator[Finding]:
    """F062 where no ledger was read, and the application says it."""
    said = ledger_lines(case, Objection.OLDER)
    if not said or case.evidence.database.ledger is not None or migrator(case) is not None:
        return
    yield Finding(
        code="F062",
        cause="the schema is older than the image, and nobody migrates: "
        f"{listed(tuple(line.replica for line in said))} waits for it",
        confidence=0.85,
        why="the application says so itself; no ledger was read that would tell how far it is",
        evidence=tuple(line.exhibit for line in said),
        next=lockage(case, "forecast"),
        avoid="do not restart it for that: a release that does not migrate when it starts will not the next time",
        rules_out=("F010", "F012"),
    )


def told_to_be_missing(case: Case) -> Iterator[Finding]:
    """F069 by a migrator that finds tables and no ledger, and does not begin."""
    said, ledger = ledger_lines(case, Objection.MISSING), case.evidence.database.ledger
    if not said or (ledger is not None and ledger.state in {LedgerState.READ, LedgerState.MIGRATING}):
        return
    yield Finding(
        code="F069",
        cause=f"the migrator of {listed(tuple(line.replica for line in said))} finds tables and no ledger, and does not begin",
        confidence=0.9,
        why="the migrator itself says so",
        evidence=tuple(line.exhibit for line in said),
        next=lockage(case, "verify"),
        avoid="do not baseline it before it is known which migrations these tables have: what is below the baseline never runs",
        rules_out=("F010", "F012"),
    )
