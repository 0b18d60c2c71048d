"""Which functions a statement names, and which of them it only writes down.

Not for what they do (``core.forecast.gaps``). The surprising thing: a statement can do both with one function, as one does that
gives a column a default for rows to come and adds another with the same, for all that are there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from google.protobuf.message import Message
from postgast import pg_query_pb2 as pg

from lockage.core.migration.nodes import nodes_of, of_kind
from lockage.core.migration.syntax import Name


def called(nodes: Iterable[Message]) -> Iterator[Name]:
    """The functions that the nodes call, in their order."""
    for call in of_kind(nodes, pg.FuncCall):
        parts = [part.string.sval for part in call.funcname]
        yield Name(schema=parts[-2] if len(parts) > 1 else None, name=parts[-1])


def kept_calls(kind: str, node: pg.Node, calls: Iterable[Name]) -> tuple[Name, ...]:
    """Among the calls of a statement those that it writes down for later and nowhere makes.

    They are those of a default, of a check that is NOT VALID, and of a query that WITH NO DATA leaves unasked. Source: executed
    on PostgreSQL 15 and 18 with functions that raise an exception.
    """
    kept = Counter(name for part in _written_down(kind, node) for name in called(nodes_of(part)))
    return tuple(kept.keys() - (Counter(calls) - kept).keys()) if kept else ()


def _written_down(kind: str, node: pg.Node) -> Iterator[Message]:
    match kind:
        case "alter_table_stmt":
            for cmd in node.alter_table_stmt.cmds:
                new = getattr(cmd.alter_table_cmd, "def")
                if cmd.alter_table_cmd.subtype == pg.AT_ColumnDefault or new.constraint.skip_validation:
                    yield new
        case "alter_domain_stmt":
            new = getattr(node.alter_domain_stmt, "def")
            if node.alter_domain_stmt.subtype == _DOMAIN_DEFAULT or new.constraint.skip_validation:
                yield new
        case "create_table_as_stmt":
            made = node.create_table_as_stmt
            if made.into.skip_data and made.query.HasField("select_stmt"):  # EXECUTE plans, and what is planned may run
                yield made.query
        case _:
            pass


_DOMAIN_DEFAULT = "T"
"""ALTER DOMAIN … SET DEFAULT. Source: PostgreSQL 18, src/include/nodes/parsenodes.h, AlterDomainStmt."""
