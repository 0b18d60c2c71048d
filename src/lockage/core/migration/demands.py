"""Reads of a statement what it demands of rows, and how it changes them.

Part of the door to PostgreSQL's parser. Not for what triggers and foreign keys do. The surprising thing: what cannot be written
as a query is given all the same and called not known, so that whoever hangs on those rows knows that nobody can ask beforehand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

import postgast
from postgast import pg_query_pb2 as pg

from lockage.core.migration.demand_syntax import (
    Added,
    Attached,
    ColumnAdded,
    ColumnDropped,
    ColumnRenamed,
    Demand,
    DomainValidated,
    Dropped,
    Effect,
    Emptied,
    EnumMade,
    Excludes,
    Expression,
    Fits,
    Holds,
    NotNull,
    NotNullByIndex,
    OfDomain,
    PartitionedMade,
    Refers,
    RowsDeleted,
    RowsInserted,
    RowsUpdated,
    Unique,
    Validated,
)
from lockage.core.migration.expressions import expression, of_column, query, type_sql
from lockage.core.migration.names import name_of
from lockage.core.migration.parsing import parse
from lockage.core.migration.syntax import Name

_SERIALS = {"serial", "bigserial", "smallserial", "serial4", "serial8", "serial2"}

LATER = frozenset({pg.CONSTR_CHECK, pg.CONSTR_FOREIGN, pg.CONSTR_NOTNULL})
"""Constraints that can be NOT VALID."""

ROWS_LIMIT = 100
"""Rows of an INSERT that are looked up one by one; a longer list makes no query that a person would run."""


@lru_cache(maxsize=1024)
def effects_of(text: str) -> tuple[Effect, ...]:
    """What one statement does to rows and demands of them, in the order in which it does so; () where it does not parse."""
    try:
        tree = parse(text)
    except postgast.PgQueryError:
        return ()
    return tuple(effect for raw in tree.stmts for effect in _of_statement(raw.stmt))


def _of_statement(node: pg.Node) -> Iterator[Effect]:
    match node.WhichOneof("node"):
        case "alter_table_stmt":
            yield from _altering(node.alter_table_stmt)
        case "index_stmt":
            yield from _index(node.index_stmt)
        case "update_stmt" | "delete_stmt" | "insert_stmt":
            yield from _changing(node)
        case "truncate_stmt":
            yield from (Emptied(relation=name_of(item.range_var)) for item in node.truncate_stmt.relations)
        case "alter_domain_stmt":
            yield from _domain(node.alter_domain_stmt)
        case _:
            yield from _making(node)


def _making(node: pg.Node) -> Iterator[Effect]:
    match node.WhichOneof("node"):
        case "rename_stmt":
            stmt = node.rename_stmt
            if stmt.rename_type == pg.OBJECT_COLUMN and stmt.relation_type == pg.OBJECT_TABLE:
                yield ColumnRenamed(relation=name_of(stmt.relation), column=stmt.subname, to=stmt.newname)
        case "drop_stmt" if node.drop_stmt.remove_type == pg.OBJECT_INDEX:
            for item in node.drop_stmt.objects:
                yield Dropped(constraint=item.list.items[-1].string.sval)
        case "create_stmt":
            yield from _creating(node.create_stmt)
        case "create_enum_stmt":
            words = [part.string.sval for part in node.create_enum_stmt.type_name]
            labels = tuple(value.string.sval for value in node.create_enum_stmt.vals)
            yield EnumMade(name=".".join(words), labels=labels)
        case _:
            pass


def _creating(stmt: pg.CreateStmt) -> Iterator[Effect]:
    relation = name_of(stmt.relation)
    if stmt.HasField("partspec"):
        yield PartitionedMade(relation=relation, key=_partition_key(stmt.partspec))
    if stmt.HasField("partbound"):
        for parent in stmt.inh_relations:
            attached = _attached(name_of(parent.range_var), relation, stmt.partbound)
            yield Added(name="", demands=(attached,))


_STRATEGIES = {
    pg.PARTITION_STRATEGY_RANGE: "RANGE",
    pg.PARTITION_STRATEGY_LIST: "LIST",
    pg.PARTITION_STRATEGY_HASH: "HASH",
}


def _partition_key(spec: pg.PartitionSpec) -> str:
    keys = [item.partition_elem for item in spec.part_params]
    parts = [of_column(key.name).sql if key.name else f"({expression(key.expr).sql})" for key in keys]
    return f"{_STRATEGIES.get(spec.strategy, '')} ({', '.join(parts)})"


# --- tables -----------------------------------------------------------------------------------------------------------


def _altering(stmt: pg.AlterTableStmt) -> Iterator[Effect]:
    if stmt.objtype not in {pg.OBJECT_TABLE, pg.OBJECT_FOREIGN_TABLE}:
        return
    relation = name_of(stmt.relation)
    # PostgreSQL carries them out in passes: columns go, change and come before anything is demanded.
    for cmd in sorted((item.alter_table_cmd for item in stmt.cmds), key=_pass):
        yield from _command(relation, cmd)


_PASSES = {pg.AT_DropColumn: 0, pg.AT_AlterColumnType: 1, pg.AT_AddColumn: 2}


def _pass(cmd: pg.AlterTableCmd) -> int:
    return _PASSES.get(cmd.subtype, 3)


def _command(relation: Name, cmd: pg.AlterTableCmd) -> Iterator[Effect]:
    definition = getattr(cmd, "def")
    match cmd.subtype:
        case pg.AT_SetNotNull:
            yield Added(name="", demands=(NotNull(relation=relation, column=cmd.name),))
        case pg.AT_AddConstraint:
            yield from _constraint(relation, definition.constraint)
        case pg.AT_ValidateConstraint:
            yield Validated(relation=relation, name=cmd.name)
        case pg.AT_AddColumn:
            yield from _column(relation, definition.column_def)
        case pg.AT_AlterColumnType:
            yield Added(name="", demands=(_fits(relation, cmd.name, definition.column_def),))
        case pg.AT_AttachPartition:
            cmd_of = definition.partition_cmd
            yield Added(name="", demands=(_attached(relation, name_of(cmd_of.name), cmd_of.bound),))
        case _:
            yield from _taking_away(relation, cmd)


def _taking_away(relation: Name, cmd: pg.AlterTableCmd) -> Iterator[Effect]:
    match cmd.subtype:
        case pg.AT_DropColumn:
            yield ColumnDropped(relation=relation, column=cmd.name)
        case pg.AT_DropNotNull:
            yield Dropped(relation=relation, column=cmd.name)
        case pg.AT_DropConstraint:
            yield Dropped(relation=relation, constraint=cmd.name)
        case _:
            pass


def _column(relation: Name, column: pg.ColumnDef) -> Iterator[Effect]:
    name, kind = column.colname, type_sql(column.type_name)
    value: Expression | None = None
    filled = computed = False
    if kind.lower() in _SERIALS:
        filled = True
    for item in column.constraints:
        constraint = item.constraint
        match constraint.contype:
            case pg.CONSTR_DEFAULT:
                value = expression(constraint.raw_expr)
            case pg.CONSTR_GENERATED:
                value, computed = expression(constraint.raw_expr), True
            case pg.CONSTR_IDENTITY:
                filled = True
            case _:
                pass
    yield ColumnAdded(relation=relation, column=name, type=kind, value=value, filled=filled, computed=computed)
    for item in column.constraints:
        yield from _constraint(relation, item.constraint, column=name)


def _constraint(relation: Name, found: pg.Constraint, *, column: str | None = None) -> Iterator[Effect]:
    demands = tuple(_demands(relation, found, column))
    if demands:
        yield Added(name=found.conname, demands=demands, later=found.contype in LATER and found.skip_validation)


def _demands(relation: Name, found: pg.Constraint, column: str | None) -> Iterator[Demand]:
    keys = tuple(key.string.sval for key in found.keys) or ((column,) if column else ())
    match found.contype:
        case pg.CONSTR_NOTNULL:
            yield from (NotNull(relation=relation, column=key) for key in keys)
        case pg.CONSTR_CHECK:
            yield Holds(relation=relation, condition=expression(found.raw_expr))
        case pg.CONSTR_PRIMARY | pg.CONSTR_UNIQUE:
            primary = found.contype == pg.CONSTR_PRIMARY
            if found.indexname:
                if primary:
                    yield NotNullByIndex(relation=relation, index=found.indexname)
                return
            if primary:
                yield from (NotNull(relation=relation, column=key) for key in keys)
            named = tuple(of_column(key) for key in keys)
            yield Unique(relation=relation, keys=named, nulls_equal=found.nulls_not_distinct)
        case pg.CONSTR_FOREIGN:
            yield Refers(
                relation=relation,
                columns=tuple(key.string.sval for key in found.fk_attrs) or ((column,) if column else ()),
                parent=name_of(found.pktable),
                parent_columns=tuple(key.string.sval for key in found.pk_attrs),
                full=found.fk_matchtype == "f",
                deferred=found.initdeferred,
                acts=bool({found.fk_del_action, found.fk_upd_action} & {"c", "n", "d"}),
            )
        case pg.CONSTR_EXCLUSION:
            where = expression(found.where_clause) if found.HasField("where_clause") else None
            yield Excludes(relation=relation, keys=tuple(_exclusions(found)), where=where)
        case _:
            pass


def _exclusions(found: pg.Constraint) -> Iterator[tuple[Expression, str]]:
    for item in found.exclusions:
        element, operator = item.list.items
        words = [part.string.sval for part in operator.list.items]
        sign = words[-1] if len(words) == 1 else f"OPERATOR({'.'.join(words)})"
        yield _key(element.index_elem), sign


def _index(stmt: pg.IndexStmt) -> Iterator[Effect]:
    if stmt.unique:
        where = expression(stmt.where_clause) if stmt.HasField("where_clause") else None
        keys = tuple(_key(item.index_elem) for item in stmt.index_params)
        unique = Unique(relation=name_of(stmt.relation), keys=keys, where=where, nulls_equal=stmt.nulls_not_distinct)
        yield Added(name=stmt.idxname, demands=(unique,))


def _key(element: pg.IndexElem) -> Expression:
    return of_column(element.name) if element.name else expression(element.expr)


def _fits(relation: Name, column: str, definition: pg.ColumnDef) -> Fits:
    using = expression(definition.raw_default) if definition.HasField("raw_default") else None
    return Fits(relation=relation, column=column, type=type_sql(definition.type_name), using=using)


def _attached(parent: Name, relation: Name, bound: pg.PartitionBoundSpec) -> Attached:
    strategy = "d" if bound.is_default else bound.strategy
    return Attached(
        relation=relation,
        parent=parent,
        strategy=strategy,
        lower=tuple(_datum(item) for item in bound.lowerdatums),
        upper=tuple(_datum(item) for item in bound.upperdatums),
        values=tuple(_datum(item) for item in bound.listdatums),
        modulus=bound.modulus,
        remainder=bound.remainder,
    )


def _datum(item: pg.Node) -> str:
    word = item.column_ref.fields[0].string.sval.upper() if item.HasField("column_ref") else ""
    return word if word in {"MINVALUE", "MAXVALUE"} else expression(item).sql


def _domain(stmt: pg.AlterDomainStmt) -> Iterator[Effect]:
    domain = ".".join(part.string.sval for part in stmt.type_name)
    if stmt.subtype == "O":
        yield Added(name="", demands=(OfDomain(domain=domain, condition=None),))
    elif stmt.subtype == "C":
        constraint = getattr(stmt, "def").constraint
        if constraint.contype == pg.CONSTR_CHECK:
            of_domain = OfDomain(domain=domain, condition=expression(constraint.raw_expr))
            yield Added(name=constraint.conname, demands=(of_domain,), later=constraint.skip_validation)
    elif stmt.subtype == "V":
        yield DomainValidated(domain=domain, name=stmt.name)


# --- rows -------------------------------------------------------------------------------------------------------------


def _changing(node: pg.Node) -> Iterator[Effect]:
    if node.HasField("update_stmt"):
        stmt = node.update_stmt
        yield RowsUpdated(
            relation=name_of(stmt.relation),
            alias=stmt.relation.alias.aliasname or stmt.relation.relname,
            values=tuple((item.res_target.name, expression(item.res_target.val)) for item in stmt.target_list),
            where=expression(stmt.where_clause) if stmt.HasField("where_clause") else None,
            known=not stmt.from_clause and not stmt.HasField("with_clause") and _assigns_plainly(stmt.target_list),
        )
    elif node.HasField("delete_stmt"):
        gone = node.delete_stmt
        yield RowsDeleted(
            relation=name_of(gone.relation),
            alias=gone.relation.alias.aliasname or gone.relation.relname,
            where=expression(gone.where_clause) if gone.HasField("where_clause") else None,
            known=not gone.using_clause and not gone.HasField("with_clause"),
        )
    else:
        yield _inserted(node.insert_stmt)


def _assigns_plainly(targets: Iterable[pg.Node]) -> bool:
    return all(
        not item.res_target.indirection and item.res_target.val.WhichOneof("node") not in {"multi_assign_ref", "set_to_default"}
        for item in targets
    )


def _inserted(stmt: pg.InsertStmt) -> RowsInserted:
    relation, columns = name_of(stmt.relation), tuple(item.res_target.name for item in stmt.cols)
    lenient = stmt.HasField("on_conflict_clause")
    select = stmt.select_stmt.select_stmt
    plain = (
        stmt.HasField("select_stmt")
        and not stmt.HasField("with_clause")
        and not any(i.res_target.indirection for i in stmt.cols)
    )
    if not plain or len(select.values_lists) > ROWS_LIMIT:
        return RowsInserted(relation=relation, columns=columns, lenient=lenient, known=False)
    if select.values_lists:
        rows = tuple(tuple(_value(item) for item in row.list.items) for row in select.values_lists)
        return RowsInserted(relation=relation, columns=columns, rows=rows, lenient=lenient)
    return RowsInserted(relation=relation, columns=columns, query=query(stmt.select_stmt), lenient=lenient)


def _value(item: pg.Node) -> Expression | None:
    return None if item.HasField("set_to_default") else expression(item)
