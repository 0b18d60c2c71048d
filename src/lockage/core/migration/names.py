"""A relation's name out of a parse tree.

Not for resolving it: that needs a catalog (``core.forecast.names``).
"""

from __future__ import annotations

from postgast import pg_query_pb2 as pg

from lockage.core.migration.syntax import Name


def name_of(var: pg.RangeVar) -> Name:
    """The name as written."""
    return Name(schema=var.schemaname or None, name=var.relname)
