"""What a migrator writes about itself: the statements around each migration that change its ledger.

Not for reading a ledger: the database does that. The surprising thing: for users these statements are part of the script, since
the ledger's lock lives as long as the transaction that wrote it.
"""

from __future__ import annotations

from dataclasses import dataclass

from lockage.core.migration.formats.format import Format
from lockage.core.migration.syntax import Statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The ledger table (``schema.table``) and the format that says how it is written."""

    table: str
    form: Format

    def statements(self, version: int) -> tuple[str, ...]:
        """What the migrator executes around the migration of that version; nothing where the format does not say."""
        return self.form.ledger_statements(self.table, version)

    def definition(self, version: int) -> tuple[str, ...]:
        """What the migrator executes where there is no ledger yet, with the row of the last applied version; 0: none is."""
        return self.form.ledger_definition(self.table, version)

    def is_made_by(self, statement: Statement) -> bool:
        """Whether a statement makes a table of the ledger's name: then it belongs to the application."""
        name = self.table.rpartition(".")[2]
        return any(made.name == name for made in statement.created)
