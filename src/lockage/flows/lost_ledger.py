"""Which migration a schema is at whose ledger lost its rows, found by making every schema that there can be, on a shadow.

Not for writing the ledger (``rescue``). The surprising thing: one shadow serves for all: the migrations are run on it once, and
its catalog is read wherever a migrator can have stopped.
"""

from __future__ import annotations

from lockage.core.catalog.drift import drifts
from lockage.core.catalog.objects import catalog_of
from lockage.core.facts import LedgerState
from lockage.core.migration.formats.format import Format
from lockage.core.recovery.lost import LostLedger, stops
from lockage.flows.drift import clean_runs
from lockage.flows.world import World
from lockage.ports import Narrate, Shadows


def examine_lost(world: World, shadows: Shadows, *, form: Format, narrate: Narrate = lambda _: None) -> LostLedger | None:
    """What the schema says; None where the ledger has rows, or no migrations are known here. Changes nothing.

    Raises ``RefusedError`` where a migration cannot be run on a shadow (LK422), or reaches out of the database (LK708).
    """
    reading = world.database.ledger(world.profile)
    if reading.state not in (LedgerState.EMPTY, LedgerState.MISSING) or not world.migrations:
        return None
    looked_at, fitting = stops(world.migrations, world.profile), dict[int, int]()
    narrate("reading the catalog")
    actual = catalog_of(world.database.catalog(), without=reading.table)
    major = world.database.server().major
    with shadows.empty(major=major) as shadow:
        for migration in clean_runs(shadow, world.migrations, narrate=narrate):
            if migration.version in looked_at:
                clean = catalog_of(shadow.catalog(), without=reading.table)
                found = drifts(clean, actual, same_major=shadow.major == major)
                if not any(drift.harmful for drift in found):
                    fitting[migration.version] = len(found)
    # Of a version and the next, which adds a table, both fit, and one of them explains more of what is there.
    best = tuple(version for version, others in fitting.items() if others == min(fitting.values()))
    missing = form.ledger_definition(reading.table, 0) if reading.state is LedgerState.MISSING else ()
    return LostLedger(
        table=reading.table,
        fitting=best,
        looked_at=looked_at,
        ways=tuple((version, (*missing, *form.ledger_statements(reading.table, version))) for version in best),
    )
