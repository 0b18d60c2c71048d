"""What a failed migration has done, found by doing it again, statement by statement, where nobody works.

Not for judging (``core.recovery.dirty``) nor for the way out (``recover``). The surprising thing: the shadow begins with the
schema *before* the failed file, by a clean run of the migrations before it, and never with the broken one.
"""

from __future__ import annotations

from collections.abc import Sequence

from lockage.core.catalog.objects import Catalog, catalog_of
from lockage.core.facts import LedgerReading, LedgerState
from lockage.core.forecast.outside import reaches_outside
from lockage.core.migration.formats.format import Format
from lockage.core.migration.statement import split_statements
from lockage.core.migration.syntax import Statement
from lockage.core.progress import MigrationText
from lockage.core.recovery.dirty import DirtyLedger, Failed, Trial, judged
from lockage.errors import RefusedError
from lockage.flows.drift import run_clean
from lockage.flows.world import World
from lockage.ports import Narrate, Shadow, Shadows


def is_dirty(reading: LedgerReading) -> bool:
    """Whether a migration failed and was left so; one that is under way is dirty for some migrators, and does not count."""
    return reading.state is LedgerState.READ and reading.dirty and reading.version is not None


def examine_dirty(
    world: World,
    shadows: Shadows,
    *,
    form: Format,
    down: str | None = None,
    told: int | None = None,
    narrate: Narrate = lambda _: None,
) -> DirtyLedger:
    """The failed migration judged; changes nothing. ``down`` is its own undoing, ``told`` as ``judged`` has it.

    Raises ``RefusedError``: LK581 the ledger is not dirty, LK582 the failed migration is not known here, LK422 an earlier one
    cannot be run on a shadow, LK708 it reaches out of the database; ``UsageError`` (LK401) for a file that does not parse,
    LK578.
    """
    reading = world.database.ledger(world.profile)
    if not is_dirty(reading) or reading.version is None:
        raise RefusedError(
            f"{reading.table} is not dirty: {reading.version if reading.version is not None else reading.state}",
            code="LK581",
            hint=f"lockage diagnose {world.deployment}",
        )
    migration = next((m for m in world.migrations if m.version == reading.version), None)
    if migration is None:
        raise RefusedError(
            f"{reading.table} says that migration {reading.version} is dirty, and its file is not known here",
            code="LK582",
            hint=f"lockage recover {world.deployment} --migrations DIR, with the files of the release that failed",
        )
    earlier = [m for m in world.migrations if m.version < migration.version]
    narrate("reading the catalog")
    actual = catalog_of(world.database.catalog(), without=reading.table)
    failed = _failed(world, migration, earlier, form=form, down=down)
    statements = split_statements(migration.text, file=migration.name)
    with shadows.empty(major=world.database.server().major) as shadow:
        run_clean(shadow, earlier, narrate=narrate)
        before = catalog_of(shadow.catalog(), without=reading.table)
        trials = _tried(shadow, statements, ledger=reading.table, narrate=narrate)
    return judged(failed, before=before, trials=trials, actual=actual, told=told)


def _failed(
    world: World, migration: MigrationText, earlier: Sequence[MigrationText], *, form: Format, down: str | None
) -> Failed:
    table = world.profile.migrations.ledger
    previous = earlier[-1].version if earlier else 0
    undoing = split_statements(down, file=f"{migration.name} (down)") if down else ()
    rows = {version: form.ledger_statements(table, version) for version in (migration.version, previous) if version}
    if not previous:
        rows[0] = form.ledger_statements(table, 1)[:1]  # emptied, and no row written
    return Failed(
        table=table,
        version=migration.version,
        previous=previous,
        name=migration.name,
        transaction=world.profile.migrations.transaction,
        ledger_rows=rows,
        down=tuple(statement.text for statement in undoing if statement.control is None),
    )


def _tried(shadow: Shadow, statements: Sequence[Statement], *, ledger: str, narrate: Narrate) -> list[Trial]:
    """Each statement executed and committed, with the catalog behind it; the file's own BEGIN and COMMIT left out.

    What reaches out of the database is not executed, and its trial says so.
    """
    trials: list[Trial] = []
    with shadow.session() as session:
        for number, statement in enumerate(statements, start=1):
            narrate(f"statement {number} of {len(statements)} on a shadow")
            failure: str | None = None
            outside = reaches_outside(statement, mark=session.mark(), rules=session.rules())
            if statement.control is None and outside is None:
                observed = session.execute(statement.text)
                failure = observed.failure.message if observed.failure is not None else None
            elif outside is not None:
                failure = f"it {outside}, and was not tried"
            after: Catalog = catalog_of(shadow.catalog(), without=ledger)
            trials.append(Trial(statement=statement, after=after, failure=failure, untried=outside is not None))
    return trials
