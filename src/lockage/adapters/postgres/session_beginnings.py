"""With which settings the sessions of a role begin: those that decide which table a name means, and whether it can be written.

Not for the settings of a server (``likeness``). The surprising thing: SET ROLE brings none of them along, so whoever works in
the name of a role must set them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import psycopg
from psycopg.rows import TupleRow

from lockage.adapters.postgres.session import load_sql

_ON = {"on", "true", "yes", "1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """What a session begins with."""

    search_path: str
    read_only: bool = False


class Beginnings:
    """The sessions of all roles, as the catalog has it at one moment; ``session`` stands for those of no role that is known."""

    def __init__(self, session: psycopg.Connection[TupleRow], *, beginning: Beginning | None = None) -> None:
        self._usual = beginning or beginning_of(session)
        self._of_role: dict[str | None, dict[str, str]] = {}
        # What is said for a role in this database wins over what is said for it everywhere, and that over what all roles get.
        for role, everywhere, settings in reversed(session.execute(load_sql("select_role_settings")).fetchall()):
            said = {name: value for name, _, value in (str(one).partition("=") for one in settings)}
            of_role = self._of_role.setdefault(role, {})
            self._of_role[role] = said | of_role if everywhere else of_role | said
        row = session.execute("select boot_val from pg_catalog.pg_settings where name = 'search_path'").fetchone()
        self._default = str(row[0]) if row is not None else ""

    def of(self, role: str | None) -> Beginning:
        """That of a role's sessions; None: whoever holds the session."""
        if role is None:
            return self._usual
        said: Mapping[str, str] = self._of_role.get(None, {}) | self._of_role.get(role, {})
        return Beginning(
            search_path=said.get("search_path", self._default),
            read_only=said.get("default_transaction_read_only", "off").lower() in _ON,
        )


def beginning_of(session: psycopg.Connection[TupleRow]) -> Beginning:
    """What a session that has changed nothing of it began with."""
    row = session.execute("select current_setting('search_path'), current_setting('default_transaction_read_only')").fetchone()
    assert row is not None
    return Beginning(search_path=str(row[0]), read_only=row[1] == "on")
