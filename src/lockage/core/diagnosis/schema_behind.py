"""A replica that asks for tables or columns that are not there: its release's migrations were not run.

A rule of the family ``ledger``. The surprising thing: most applications do not migrate as they start. Their Job did not run, or
ran for another release, and all that shows is an error of SQL in a replica that migrates nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lockage.core.diagnosis.findings import Case, Exhibit, Finding
from lockage.core.diagnosis.migrator import migrator
from lockage.core.diagnosis.present import SIGKILL, SIGTERM, noun
from lockage.core.diagnosis.rollout import failed
from lockage.core.diagnosis.sources import last_of_image
from lockage.core.diagnosis.typed import lockage
from lockage.core.diagnosis.voices import Voice
from lockage.core.facts import LedgerState
from lockage.core.sqlstate import INVALID_SCHEMA_NAME, UNDEFINED_COLUMN, UNDEFINED_FUNCTION, UNDEFINED_TABLE
from lockage.core.wording import listed

NOT_THERE = (UNDEFINED_TABLE, UNDEFINED_COLUMN, UNDEFINED_FUNCTION, INVALID_SCHEMA_NAME)
"""A table, a column, a function or a schema that does not exist."""

_SERVERS_OWN = re.compile(r"\bpg_\w+|information_schema")
"""Views of the server and its extensions, which an application may try and do without."""


def asks_for_what_is_not_there(case: Case) -> Iterator[Finding]:
    """F062: a replica of the release that is asked for, which does not migrate, needs what the schema lacks."""
    said = tuple(voice for voice in failed(case, *NOT_THERE) if not voice.migrates and _is_why(voice))
    if not said or migrator(case) is not None:
        return
    ledger, last = case.evidence.database.ledger, last_of_image(case)
    read = ledger is not None and ledger.state is LedgerState.READ and ledger.version is not None
    if ledger is not None and (ledger.state is LedgerState.MIGRATING or ledger.dirty or (read and last == ledger.version)):
        return
    names = tuple(dict.fromkeys(voice.detail.name for voice in said))
    at = (Exhibit(source=ledger.table, text=f"migration {ledger.version}"),) if ledger is not None and read else ()
    workload = case.evidence.platform.workload
    release = workload.release if workload is not None else "its release"
    yield Finding(
        code="F062",
        cause=f"the schema seems older than the image, and nobody migrates: {noun(case)} {listed(names)} of {release} needs "
        f"what is not there: {said[-1].complaint.message}",
        confidence=0.6,
        why="the server does not know what the new release asks for, its log shows no migrator, and no session migrates; a "
        "wrong database or search_path would look alike",
        evidence=(*(voice.exhibit for voice in said[:2]), *at),
        next=f"find out who migrates here (a Job, a hook of Helm, a command) and whether that ran for {release}: "
        + lockage(case, "survey"),
        avoid="do not restart the replicas for it: they ask the same again; and do not make the table by hand: its migration "
        "would fail",
        about=tuple(f"pod {name}" for name in names),
    )


def _is_why(voice: Voice) -> bool:
    """Whether the process may have ended, or not got ready, by it: it was not killed, and asked for something of its own."""
    last = voice.container.last or voice.container.state
    killed = voice.ended and last.exit_code in {0, SIGKILL, SIGTERM}
    return not killed and _SERVERS_OWN.search(voice.complaint.message) is None
