"""Which columns a query writes, and whether its text says with what: a literal, a parameter, or something computed.

Not for scripts' own changes of rows (``changed_rows``), nor for writing a query anew (``widened``), nor for what triggers and
views make of the rows. The surprising thing: ``DEFAULT`` and a column that is left out are the same, and neither is listed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import postgast
from postgast import pg_query_pb2 as pg

from lockage.core.migration.names import name_of
from lockage.core.migration.nodes import nodes_of
from lockage.core.migration.parsing import parse
from lockage.core.migration.syntax import ChangeKind, Name


class Given(StrEnum):
    """How a value is given."""

    LITERAL = "literal"
    NULL = "null"
    PARAMETER = "parameter"
    COMPUTED = "computed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """Rows of one relation that a query inserts, changes or deletes."""

    kind: ChangeKind
    relation: Name
    columns: tuple[tuple[str, Given], ...] = ()  # by name
    places: tuple[Given | None, ...] = ()  # of an INSERT that names no columns: in the table's order; None: its default
    everything: bool = False  # which columns is not known: all of them may be meant
    selects: bool = False  # an INSERT of whatever a SELECT gives, which may be no row
    forgiving: bool = False  # ON CONFLICT DO NOTHING without a target: no unique key makes it fail
    target: tuple[str, ...] = ()  # columns of ON CONFLICT: a key over these does not make it fail

    def given(self, table_columns: Sequence[str]) -> dict[str, Given]:
        """Each written column with how its value is given; ``table_columns`` in the table's order."""
        if self.everything:
            return dict.fromkeys(table_columns, Given.COMPUTED)
        by_place = {name: how for name, how in zip(table_columns, self.places, strict=False) if how is not None}
        return by_place | dict(self.columns)


def writes_of(text: str) -> tuple[Write, ...]:
    """Every write of a query, those in its WITH included; empty where it does not parse."""
    try:
        tree = parse(text)
    except postgast.PgQueryError:
        return ()
    return tuple(write for node in nodes_of(tree) for write in _writes(node))


def _writes(node: object) -> Iterator[Write]:
    match node:
        case pg.InsertStmt():
            yield _insert(node)
            clause = node.on_conflict_clause
            if node.HasField("on_conflict_clause") and clause.action == pg.ONCONFLICT_UPDATE:
                yield _update(node.relation, clause.target_list)
        case pg.UpdateStmt():
            yield _update(node.relation, node.target_list)
        case pg.DeleteStmt():
            yield Write(kind=ChangeKind.DELETE, relation=name_of(node.relation))
        case pg.MergeStmt():
            yield from _merged(node)
        case _:
            pass


def _update(relation: pg.RangeVar, targets: Iterable[pg.Node]) -> Write:
    columns = tuple((item.res_target.name, how_given(item.res_target.val)) for item in targets)
    return Write(kind=ChangeKind.UPDATE, relation=name_of(relation), columns=_written(columns))


def _merged(node: pg.MergeStmt) -> Iterator[Write]:
    relation = name_of(node.relation)
    for item in node.merge_when_clauses:
        clause = item.merge_when_clause
        if clause.command_type == pg.CMD_UPDATE:
            yield _update(node.relation, clause.target_list)
        elif clause.command_type == pg.CMD_DELETE:
            yield Write(kind=ChangeKind.DELETE, relation=relation)
        elif clause.command_type == pg.CMD_INSERT:
            names, givens = [each.res_target.name for each in clause.target_list], [how_given(value) for value in clause.values]
            columns = _written(zip(names, givens, strict=False))
            yield Write(
                kind=ChangeKind.INSERT, relation=relation, columns=columns, places=() if names else tuple(givens), selects=True
            )


def _insert(node: pg.InsertStmt) -> Write:
    names = [item.res_target.name for item in node.cols]
    givens = _values(node)
    clause = node.on_conflict_clause
    forgiving = node.HasField("on_conflict_clause") and clause.action == pg.ONCONFLICT_NOTHING and not clause.HasField("infer")
    relation = name_of(node.relation)
    target = _target(clause)
    select = node.select_stmt.select_stmt
    selects = node.HasField("select_stmt") and not select.values_lists and bool(select.from_clause or select.HasField("larg"))
    if givens is None:  # a SELECT over * or a set operation
        columns = tuple((name, Given.COMPUTED) for name in names)
        return Write(
            kind=ChangeKind.INSERT,
            relation=relation,
            columns=columns,
            everything=not names,
            selects=selects,
            forgiving=forgiving,
            target=target,
        )
    columns = _written(zip(names, givens, strict=False))
    return Write(
        kind=ChangeKind.INSERT,
        relation=relation,
        columns=columns,
        places=() if names else tuple(givens),
        selects=selects,
        forgiving=forgiving,
        target=target,
    )


def _target(clause: pg.OnConflictClause) -> tuple[str, ...]:
    """The columns of ON CONFLICT; () where there are none, or expressions among them."""
    names = tuple(item.index_elem.name for item in clause.infer.index_elems)
    return names if all(names) else ()


def columns_that_decide(query: str) -> tuple[str, ...]:
    """Names of the columns that the condition of a SELECT looks at, each once; () where it does not parse."""
    try:
        tree = parse(query)
    except postgast.PgQueryError:
        return ()
    where = tree.stmts[0].stmt.select_stmt.where_clause
    names = [node.fields[-1].string.sval for node in nodes_of(where) if isinstance(node, pg.ColumnRef)]
    return tuple(dict.fromkeys(name for name in names if name))


def _written(columns: Iterable[tuple[str, Given | None]]) -> tuple[tuple[str, Given], ...]:
    return tuple((name, given) for name, given in columns if given is not None)


def _values(node: pg.InsertStmt) -> list[Given | None] | None:
    """How each place of the inserted rows is given; None where that is not written out."""
    if not node.HasField("select_stmt"):
        return []  # DEFAULT VALUES
    select = node.select_stmt.select_stmt
    if select.values_lists:
        rows = [[how_given(value) for value in row.list.items] for row in select.values_lists]
        width = min(len(row) for row in rows)
        return [_least_known(row[place] for row in rows) for place in range(width)]
    if select.HasField("larg") or not select.target_list or any(_is_star(target) for target in select.target_list):
        return None
    return [how_given(target.res_target.val) for target in select.target_list]


_ORDER = (None, Given.LITERAL, Given.NULL, Given.PARAMETER, Given.COMPUTED)


def _least_known(givens: Iterable[Given | None]) -> Given | None:
    return max(givens, key=_ORDER.index)


def how_given(value: pg.Node) -> Given | None:
    """How a value is given; None for DEFAULT."""
    if value.HasField("set_to_default"):
        return None
    if value.HasField("type_cast"):
        return how_given(value.type_cast.arg)
    if value.HasField("a_const"):
        return Given.NULL if value.a_const.isnull else Given.LITERAL
    return Given.PARAMETER if value.HasField("param_ref") else Given.COMPUTED


def _is_star(target: pg.Node) -> bool:
    value = target.res_target.val
    return value.HasField("column_ref") and any(part.HasField("a_star") for part in value.column_ref.fields)
