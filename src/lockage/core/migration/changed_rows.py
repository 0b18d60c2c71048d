"""Which rows a statement's text says it inserts, changes, deletes or locks.

Not for what views, rules, triggers and foreign keys make of it. The surprising thing: a SELECT can delete, in its WITH.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import postgast
from google.protobuf.message import Message
from postgast import pg_query_pb2 as pg

from lockage.core.migration.literals import is_literal, literal_of
from lockage.core.migration.names import name_of
from lockage.core.migration.nodes import nodes_of, of_kind
from lockage.core.migration.syntax import Change, ChangeKind, Name
from lockage.core.migration.unmet import unmet

_SAYS_ONLY = {"create_function_stmt", "rule_stmt", "view_stmt", "prepare_stmt"}
"""Statements that hold others without executing them."""


def changes(node: pg.Node, nodes: Iterable[Message]) -> Iterator[Change]:
    """Every change in a statement, those in its WITH included; ``nodes`` are all of its."""
    if node.WhichOneof("node") in _SAYS_ONLY or (node.HasField("explain_stmt") and not _analyzes(node.explain_stmt)):
        return
    inserted = {cte.ctename: found for cte in of_kind(nodes, pg.CommonTableExpr) if (found := _returned(cte))}
    for found in nodes:
        if isinstance(found, pg.InsertStmt):
            returns = tuple(_column(item.res_target.val) for item in found.returning_clause.exprs)
            yield replace(_insert(found), own=tuple(_own(found, inserted)), returns=returns, words=tuple(_words(found)))
        elif isinstance(found, pg.UpdateStmt):
            yield from _update(found)
        elif isinstance(found, pg.DeleteStmt):
            yield from _delete(found)
        elif isinstance(found, pg.MergeStmt):
            yield Change(kind=ChangeKind.MERGE, relation=name_of(found.relation), has_condition=True, merges=_merges(found))
        elif isinstance(found, pg.SelectStmt) and found.locking_clause:
            yield from _locked_rows(found)
        elif isinstance(found, pg.CopyStmt) and found.is_from and found.HasField("relation"):
            columns = tuple(part.string.sval for part in found.attlist)
            yield Change(kind=ChangeKind.INSERT, relation=name_of(found.relation), columns=columns)


def _analyzes(stmt: pg.ExplainStmt) -> bool:
    return any(option.def_elem.defname == "analyze" for option in stmt.options)


def _targets(items: Iterable[pg.Node]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    targets = [item.res_target for item in items]
    nulls = tuple(t.name for t in targets if _is_null(t.val))
    return tuple(t.name for t in targets), nulls


def _merges(found: pg.MergeStmt) -> tuple[Change, ...]:
    relation = name_of(found.relation)
    clauses = [item.merge_when_clause for item in found.merge_when_clauses]
    kinds = {pg.CMD_INSERT: ChangeKind.INSERT, pg.CMD_UPDATE: ChangeKind.UPDATE, pg.CMD_DELETE: ChangeKind.DELETE}
    made: list[Change] = []
    for clause in clauses:
        if clause.command_type in kinds:
            columns, nulls = _targets(clause.target_list)
            kind = kinds[clause.command_type]
            made.append(Change(kind=kind, relation=relation, columns=columns, nulls=nulls, has_condition=True, of_merge=True))
    return tuple(made)


def _update(found: pg.UpdateStmt) -> Iterator[Change]:
    if not unmet(found.where_clause):
        given, targets = found.HasField("where_clause"), _targets(found.target_list)
        change = _conditioned(ChangeKind.UPDATE, found.relation, found.where_clause, given, targets)
        kept = _kept_apart(change, found.relation, found.where_clause, alone=not found.from_clause)
        yield replace(kept, assigned=tuple(_assigned(found.target_list)), kept=tuple(_set_to_themselves(found)))


def _set_to_themselves(found: pg.UpdateStmt) -> Iterator[str]:
    own = found.relation.alias.aliasname or found.relation.relname
    for target in (item.res_target for item in found.target_list):
        if target.val.HasField("column_ref") and not target.indirection:
            *table, column = (field.string.sval for field in target.val.column_ref.fields)
            if column == target.name and (table == [own] or not (table or found.from_clause)):
                yield column


def _assigned(items: Iterable[pg.Node]) -> Iterator[tuple[str, int | str]]:
    for target in (item.res_target for item in items):
        value = literal_of(target.val)
        if value is not None and not target.indirection:
            yield target.name, value


def _delete(found: pg.DeleteStmt) -> Iterator[Change]:
    if not unmet(found.where_clause):
        change = _conditioned(ChangeKind.DELETE, found.relation, found.where_clause, found.HasField("where_clause"))
        yield _kept_apart(change, found.relation, found.where_clause, alone=not found.using_clause)


def _insert(found: pg.InsertStmt) -> Change:
    columns = tuple(item.res_target.name for item in found.cols)
    select = found.select_stmt.select_stmt
    rows, null_places = _written_out(found)
    return Change(
        kind=ChangeKind.INSERT,
        relation=name_of(found.relation),
        columns=columns,
        nulls=tuple(column for place, column in enumerate(columns) if place in null_places),
        null_places=null_places,
        rows=rows,
        sources=tuple(name_of(var) for var in of_kind(nodes_of(found.select_stmt), pg.RangeVar)),
        literals=_literals(found),
        ignores=found.HasField("on_conflict_clause"),
        upserts=found.HasField("on_conflict_clause") and found.on_conflict_clause.action == pg.ONCONFLICT_UPDATE,
        updates=_targets(found.on_conflict_clause.target_list)[0],
        has_condition=select.HasField("where_clause"),
    )


_Returned = dict[str, tuple[Name, str]]


def _returned(cte: pg.CommonTableExpr) -> _Returned:
    """Columns that a WITH gives of the rows that it inserts, each with its table and its name there."""
    insert = cte.ctequery.insert_stmt
    if not cte.ctequery.HasField("insert_stmt") or insert.HasField("on_conflict_clause"):
        return {}
    found: _Returned = {}
    for item in insert.returning_clause.exprs:
        column = _column(item.res_target.val)
        if column is not None:
            found[item.res_target.name or column] = (name_of(insert.relation), column)
    return found


def _own(found: pg.InsertStmt, inserted: Mapping[str, _Returned]) -> Iterator[tuple[int, Name, str]]:
    """Places that an INSERT takes from rows which the same statement has inserted, and from nowhere else."""
    select = found.select_stmt.select_stmt
    sources = [var for item in select.from_clause for var in _sources(item)]
    if len(select.from_clause) != 1 or len(sources) != 1 or sources[0].schemaname:
        return
    returned = inserted.get(sources[0].relname, {})
    for place, target in enumerate(select.target_list):
        column = _column(target.res_target.val)
        if column in returned:
            yield place, *returned[column]


def _words(found: pg.InsertStmt) -> Iterator[tuple[int, str]]:
    """Places of VALUES that are the same bare name in all rows."""
    rows = [[_column(value) for value in row.list.items] for row in found.select_stmt.select_stmt.values_lists]
    for place in range(min((len(row) for row in rows), default=0)):
        names = {row[place] for row in rows}
        name = names.pop()
        if not names and name is not None:
            yield place, name


def _column(value: pg.Node) -> str | None:
    if value.HasField("column_ref") and value.column_ref.fields[-1].HasField("string"):
        return value.column_ref.fields[-1].string.sval
    return None


def _written_out(found: pg.InsertStmt) -> tuple[int | None, tuple[int, ...]]:
    """How many rows stand in the text, and which places are NULL in all of them."""
    if not found.HasField("select_stmt"):
        return 1, ()  # DEFAULT VALUES
    select = found.select_stmt.select_stmt
    if select.values_lists:
        rows = [[_is_null(value) for value in row.list.items] for row in select.values_lists]
    elif not select.from_clause and not select.HasField("larg"):
        rows = [[_is_null(target.res_target.val) for target in select.target_list]]
    else:
        return None, ()
    width = min(len(row) for row in rows)
    return len(rows), tuple(place for place in range(width) if all(row[place] for row in rows))


def _literals(found: pg.InsertStmt) -> tuple[tuple[int, tuple[int | str, ...]], ...]:
    """Places of VALUES that are written out as literals in every row, with these."""
    rows = [row.list.items for row in found.select_stmt.select_stmt.values_lists]
    width = min((len(row) for row in rows), default=0)
    written = [(place, [literal_of(row[place]) for row in rows]) for place in range(width)]
    return tuple(
        (place, tuple(dict.fromkeys(value for value in values if value is not None)))
        for place, values in written
        if None not in values
    )


def _kept_apart(change: Change, relation: pg.RangeVar, where: pg.Node, *, alone: bool) -> Change:
    """The change with the columns that stay what the condition says they are; of a join only those that name the relation."""
    own = relation.alias.aliasname or relation.relname
    given = tuple(_equals(where, own, alone=alone)) if change.has_condition else ()
    constants = {column: literal for column, value in given if (literal := literal_of(value)) is not None}
    return replace(
        change,
        constants=tuple((c, v) for c, v in constants.items() if c not in change.columns),
        wanted=tuple(constants.items()),
        asked=tuple((column, name) for column, value in given if (name := _bare(value)) is not None),
        named_by=tuple(dict.fromkeys(column for column, value in given if is_literal(value))),
        joins=not alone or any(isinstance(node, pg.SubLink) for node in nodes_of(where)),
    )


def _equals(where: pg.Node, own: str, *, alone: bool) -> Iterator[tuple[str, pg.Node]]:
    """Columns of the relation that the top-level conjunction wants to equal a literal, or what one word says."""
    if where.HasField("bool_expr") and where.bool_expr.boolop == pg.AND_EXPR:
        for arg in where.bool_expr.args:
            yield from _equals(arg, own, alone=alone)
    elif where.HasField("a_expr") and where.a_expr.kind == pg.AEXPR_OP and where.a_expr.name[-1].string.sval == "=":
        left, right = where.a_expr.lexpr, where.a_expr.rexpr
        for column, value in ((left, right), (right, left)):
            if column.HasField("column_ref") and (is_literal(value) or _bare(value) is not None):
                parts = [field.string.sval for field in column.column_ref.fields]
                if (len(parts) == 1 and alone) or (len(parts) == 2 and parts[0] == own):
                    yield parts[-1], value


def _bare(value: pg.Node) -> str | None:
    """The one word that a value is: a column's name, or a variable's."""
    return _column(value) if value.HasField("column_ref") and len(value.column_ref.fields) == 1 else None


def _is_null(value: pg.Node) -> bool:
    if value.HasField("type_cast"):
        value = value.type_cast.arg
    return value.HasField("a_const") and value.a_const.isnull


def _conditioned(
    kind: ChangeKind,
    relation: pg.RangeVar,
    where: pg.Node,
    has_condition: bool,
    targets: tuple[tuple[str, ...], tuple[str, ...]] = ((), ()),
) -> Change:
    return Change(
        kind=kind,
        relation=name_of(relation),
        columns=targets[0],
        nulls=targets[1],
        equated=tuple(_equated(where)) if has_condition else (),
        compared=tuple(_columns(where)) if has_condition else (),
        wanted_null=tuple(_wanted_null(where)) if has_condition else (),
        only_nulls=has_condition and _tests_null(where),
        has_condition=has_condition,
    )


def _tests_null(where: pg.Node) -> bool:
    return (
        where.HasField("null_test")
        and where.null_test.nulltesttype == pg.IS_NULL
        and where.null_test.arg.HasField("column_ref")
    )


def _wanted_null(where: pg.Node) -> Iterator[str]:
    """Columns that the top-level conjunction wants to be NULL."""
    if where.HasField("bool_expr") and where.bool_expr.boolop == pg.AND_EXPR:
        for arg in where.bool_expr.args:
            yield from _wanted_null(arg)
    elif _tests_null(where):
        yield from _columns(where)


def _columns(node: pg.Node) -> Iterator[str]:
    for ref in postgast.find_nodes(node, pg.ColumnRef):
        if ref.fields and ref.fields[-1].HasField("string"):
            yield ref.fields[-1].string.sval


def _equated(where: pg.Node) -> Iterator[str]:
    """Columns of the top-level conjunction that must equal a constant."""
    if where.HasField("bool_expr") and where.bool_expr.boolop == pg.AND_EXPR:
        for arg in where.bool_expr.args:
            yield from _equated(arg)
    elif where.HasField("a_expr") and where.a_expr.kind == pg.AEXPR_OP and where.a_expr.name[-1].string.sval == "=":
        left, right = where.a_expr.lexpr, where.a_expr.rexpr
        for column, value in ((left, right), (right, left)):
            if column.HasField("column_ref") and (value.HasField("a_const") or value.HasField("type_cast")):
                yield from _columns(column)


def _locked_rows(found: pg.SelectStmt) -> Iterator[Change]:
    if unmet(found.where_clause):
        return
    sources = {var.alias.aliasname or var.relname: var for item in found.from_clause for var in _sources(item)}
    for item in found.locking_clause:
        clause = item.locking_clause
        wanted = [var.range_var.relname for var in clause.locked_rels] or list(sources)
        for alias in wanted:
            if alias in sources:
                change = _conditioned(ChangeKind.LOCK, sources[alias], found.where_clause, found.HasField("where_clause"))
                change = _kept_apart(change, sources[alias], found.where_clause, alone=len(sources) == 1)
                refers = clause.strength == pg.LCS_FORKEYSHARE
                yield replace(change, spares_keys=clause.strength != pg.LCS_FORUPDATE, refers=refers)


def _sources(item: pg.Node) -> Iterator[pg.RangeVar]:
    if item.HasField("range_var"):
        yield item.range_var
    elif item.HasField("join_expr"):
        yield from _sources(item.join_expr.larg)
        yield from _sources(item.join_expr.rarg)
