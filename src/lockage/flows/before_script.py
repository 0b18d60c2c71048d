"""Brings a shadow to where a script begins: the migrator's ledger, and the migrations before it.

Not for tracing anything (``trace_script``). The surprising thing: an earlier migration that cannot be run as it is, because it
is a program or reaches out of the database, ends nothing; it is left out and said, and so is what fails behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lockage.core.migration.formats.format import Format
from lockage.core.migration.ledger import Ledger
from lockage.core.migration.reaching import Reaching
from lockage.core.migration.script import Migration, Selection
from lockage.core.wording import counted
from lockage.errors import RefusedError
from lockage.ports import Narrate, Shadow


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """An earlier migration that was not run as it is, and a sentence about it."""

    file: str
    sentence: str


def make_ledger(shadow: Shadow, form: Format, table: str | None, selection: Selection) -> None:
    """What the migrator makes before its first migration: migrations may look at it."""
    applied = form.applied
    rows = Ledger(table=applied.table, form=form) if table is None and applied is not None and applied.definition else None
    ledger = rows if table is None else Ledger(table=table, form=form)
    everything = (*selection.applied, *selection.script)
    if ledger is None or any(ledger.is_made_by(statement) for migration in everything for statement in migration.statements()):
        return
    version = selection.applied[-1].version if selection.applied else 0
    definition = ledger.definition(version)
    if rows is not None and applied is not None:
        definition = (f"CREATE TABLE IF NOT EXISTS {applied.table} {applied.definition}",)
    if definition:
        shadow.run(";\n".join(definition))


def run_earlier(shadow: Shadow, earlier: Sequence[Migration], narrate: Narrate) -> Sequence[LeftOut]:
    """Execute the migrations before the script; gives those that were left out, or of which something was.

    What fails behind one of them is left out too: what it needs may have been made there.
    """
    left_out: list[LeftOut] = []
    reaching = Reaching()
    if earlier:
        narrate(f"running {counted(len(earlier), 'earlier migration')} on the shadow")
    for migration in earlier:
        if migration.language != "sql":
            why = f"{migration.file} was not run before the script: it is written in {migration.language}"
            left_out.append(LeftOut(file=migration.file, sentence=why))
            continue
        text = migration.text
        parsed = migration.statements()
        outside = [*reaching.left_out(parsed)]
        if outside:
            text = ";\n".join(statement.text for statement in parsed if statement not in outside)
            lines = ", ".join(str(statement.line) for statement in outside)
            which = f"line {lines}, which reaches" if len(outside) == 1 else f"lines {lines}, which reach"
            why = f"{migration.file} was run without {which} out of the database"
            left_out.append(LeftOut(file=migration.file, sentence=why))
        if not parsed:
            continue
        try:
            shadow.run(text)
        except RefusedError as error:
            if not left_out:
                raise RefusedError(f"{migration.file}: {error.message}", code=error.code, hint=error.hint) from error
            why = f"{migration.file} was not run before the script, which may hang on {left_out[0].file}: {error.message}"
            left_out.append(LeftOut(file=migration.file, sentence=why))
    return left_out
