"""Functions of a schema that somebody else sent, asleep while a shadow is made of it.

Not for traces, where what reaches out of the database is found in the code. The surprising thing: a dump's ``CREATE INDEX`` or
``PARTITION OF`` executes what its expressions call, and a ledger's rows execute its checks, so that a schema alone could start
programs on the machine that makes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import psycopg
from psycopg.rows import TupleRow

from lockage.adapters.postgres.session import load_sql
from lockage.core.redaction.quoted import statements_of

_MAKES_CODE = re.compile(r"(?i)CREATE\s+(?:OR\s+REPLACE\s+)?(?:FUNCTION|PROCEDURE|EXTENSION)\b")
_CALLS_NOTHING = re.compile(r"(?i)(?:ALTER\s+(?:FUNCTION|PROCEDURE)\s.*\sOWNER\s+TO|GRANT|REVOKE)\s")


def schema_asleep(schema_sql: str) -> Iterator[str]:
    """A schema in parts, with an order behind each run of functions that puts them to sleep before anything can call them."""
    order = load_sql("update_to_sleep")
    awake = True  # those of sketched extensions come before the schema
    for cut in statements_of(schema_sql):
        text = schema_sql[cut.start : cut.end]
        if _MAKES_CODE.match(text):
            awake = True
        elif awake and not _CALLS_NOTHING.match(text):
            yield order
            awake = False
        yield schema_sql[cut.before : cut.end]
    yield f"\n{order}"


def make_sleep(connection: psycopg.Connection[TupleRow]) -> None:
    """Lets functions be put to sleep; for a server that is thrown away."""
    with connection.transaction():
        connection.execute("set local allow_system_table_mods = on")
        connection.execute(load_sql("insert_sleep"))


def wake(connection: psycopg.Connection[TupleRow]) -> None:
    """Awakes all of them."""
    with connection.transaction():
        connection.execute("set local allow_system_table_mods = on")
        connection.execute(load_sql("delete_sleep"))
