"""What lets a role read the tables that it may not read: for whoever owns them to type.

Not for the smallest role that Lockage needs (``lockage rbac --database``). The surprising thing: a role that may read some
table of a schema may use the schema, so that nobody has to be asked who may.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lockage.core.facts import Relation
from lockage.core.forecast.checks.images import quoted

NAMED_MOST = 4
"""Tables of a schema that a statement names; of more it grants all of the schema."""


def grants_to_read(unread: Iterable[tuple[str, str]], *, relations: Iterable[Relation], role: str) -> Iterator[str]:
    """``GRANT SELECT ON public.orders TO app``, a statement or two for each schema.

    ``unread`` are (schema, name) of tables; ``relations``: all of the database.
    """
    tables = {relation.relation for relation in relations if relation.kind in {"r", "p"}}
    by_schema: dict[str, list[str]] = {}
    for schema, name in unread:
        by_schema.setdefault(schema, []).append(name)
    for schema, names in by_schema.items():
        closed = {f"{schema}.{name}" for name in names}
        if not any(table.startswith(f"{schema}.") for table in tables - closed):
            yield f"GRANT USAGE ON SCHEMA {quoted(schema)} TO {quoted(role)}"
        every = ", ".join(f"{quoted(schema)}.{quoted(name)}" for name in names)
        what = every if len(names) <= NAMED_MOST else f"ALL TABLES IN SCHEMA {quoted(schema)}"
        yield f"GRANT SELECT ON {what} TO {quoted(role)}"
