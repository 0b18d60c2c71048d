"""What decides branches and loops of PL/pgSQL: the catalog alone, a value that is known, or what only a run knows.

Not for running code. The surprising thing: a variable counts as the catalog's own when all that is ever assigned to it comes
from there, and under no condition that rows decide; so an idempotent block takes the same way on a shadow as in production.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import postgast
from postgast import pg_query_pb2 as pg

from lockage.core.migration.parsing import parse
from lockage.core.migration.statement import split_statements
from lockage.core.migration.syntax import Name, Statement
from lockage.errors import UsageError

Tree = Mapping[str, Any]

_CATALOGS = {"pg_catalog", "information_schema"}
_IN_CATALOG = re.compile(
    r"^(pg_(class|attribute|attrdef|constraint|index|indexes|tables|views|matviews|sequences|type|enum|namespace|proc|trigger"
    r"|policy|policies|rewrite|rules|inherits|partitioned_table|publication|publication_tables|extension|description|depend)"
    r"|columns|tables|table_constraints|key_column_usage|constraint_column_usage|check_constraints|referential_constraints"
    r"|schemata|views|routines|triggers|sequences|domains)$"
)
"""Relations in which a shadow has what production has."""
_OF_CATALOG = {"to_regclass", "to_regtype", "to_regproc", "to_regprocedure", "to_regnamespace"}
_PLAIN = {
    *("count", "current_schema", "current_database", "lower", "upper", "format", "quote_ident", "quote_literal", "bool_or"),
    *("bool_and", "min", "max", "array_agg", "string_agg", "array_length", "cardinality", "unnest", "concat", "length"),
    *("replace", "split_part", "btrim", "substr", "substring", "position", "strpos", "regexp_replace", "format_type"),
    *("pg_get_constraintdef", "pg_get_indexdef", "pg_get_viewdef", "pg_get_expr", "current_setting", "generate_series"),
}
"""Functions that give on a shadow what they give in production."""

_OF_RUN = frozenset(
    {"found", "new", "old", "sqlstate", "sqlerrm"}
    | {"tg_op", "tg_name", "tg_when", "tg_level", "tg_relid", "tg_relname", "tg_table_name", "tg_table_schema"}
    | {"tg_argv", "tg_nargs", "tg_event", "tg_tag"}
)
"""Variables that only a run fills. Source: PostgreSQL 18 manual, 41.5.5, 41.6.8 and 41.10."""


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What is known of a body's variables."""

    unknown: frozenset[str] = frozenset()  # names of those that rows, or a caller, may have filled
    clean: frozenset[str] = frozenset()  # names of those that only the catalog fills
    values: Mapping[str, str] = field(default_factory=dict[str, str])  # those that are known: tg_op

    def by_catalog(self, expression: str) -> bool:
        """Whether nothing but the catalog decides an expression or a query: then a shadow has what production has."""
        words = set(re.findall(r"\w+", re.sub(r"'[^']*'", "", expression).lower()))
        if words & (self.unknown | _OF_RUN):
            return False
        statements = _read(expression) or _read(f"SELECT {expression}")
        if statements is None or len(statements) != 1 or statements[0].node != "select_stmt":
            return False
        names, calls = statements[0].names, {call.name for call in statements[0].calls}
        if not names and not _columns(statements[0].text) <= self.clean:
            return False
        in_catalog = all(
            name.schema in _CATALOGS or (name.schema is None and name.name.startswith("pg_")) for name in names
        ) and all(_IN_CATALOG.match(name.name) for name in names)
        return in_catalog and calls <= _OF_CATALOG | _PLAIN

    def decided(self, condition: str) -> bool | None:
        """What a condition is by the known values; None where they do not say."""
        if not self.values:
            return None
        try:
            select = parse(f"SELECT {condition}").stmts[0].stmt.select_stmt
        except postgast.PgQueryError:
            return None
        return _truth(select.target_list[0].res_target.val, self.values)


def _columns(text: str) -> set[str]:
    """First words of all that reads like a column, which may be a variable."""
    refs = postgast.find_nodes(parse(text), pg.ColumnRef)
    return {ref.fields[0].string.sval.lower() for ref in refs if ref.fields[0].HasField("string")}


def _read(text: str) -> tuple[Statement, ...] | None:
    try:
        return split_statements(text, file="block")
    except UsageError:
        return None


def _truth(node: pg.Node, values: Mapping[str, str]) -> bool | None:
    """AND, OR and NOT as SQL has them, where None is what is not known."""
    if node.HasField("bool_expr"):
        found = [_truth(arg, values) for arg in node.bool_expr.args]
        match node.bool_expr.boolop:
            case pg.AND_EXPR:
                return False if False in found else None if None in found else True
            case pg.OR_EXPR:
                return True if True in found else None if None in found else False
            case _:
                return None if found[0] is None else not found[0]
    if not node.HasField("a_expr"):
        return None
    name = node.a_expr.name[-1].string.sval
    left, right = _texts(node.a_expr.lexpr, values), _texts(node.a_expr.rexpr, values)
    if not left or not right or name not in {"=", "<>", "!="}:
        return None
    within = any(one == other for one in left for other in right)
    return within if name == "=" else not within


def _texts(node: pg.Node, values: Mapping[str, str]) -> tuple[str, ...]:
    """A literal, a known variable or a list of literals; () where it is anything else."""
    if node.HasField("type_cast"):
        node = node.type_cast.arg
    if node.HasField("a_const") and node.a_const.HasField("sval"):
        return (node.a_const.sval.sval,)
    if node.HasField("column_ref") and len(node.column_ref.fields) == 1:
        known = values.get(node.column_ref.fields[0].string.sval.lower())
        return () if known is None else (known,)
    if node.HasField("list"):
        found = [_texts(item, values) for item in node.list.items]
        return tuple(text for texts in found for text in texts) if all(found) else ()
    return ()


# --- what fills variables ---------------------------------------------------------------------------------------------


def knowledge_of(function: Tree, *, values: Mapping[str, str], given: bool) -> Knowledge:
    """What is known of the variables of a parsed body.

    ``given``: its caller gives its parameters values that are the same on a shadow; else they may come from rows.
    """
    datums = [value for item in items(function.get("datums")) for value in item.values()]
    names = [str(mapping(value).get("refname", "")).lower() for value in datums]
    declared = {name for name, value in zip(names, datums, strict=True) if "lineno" in mapping(value)}
    unknown = {name for name in names if name and name not in declared and not given}
    while True:
        known = Knowledge(frozenset(unknown) - set(values), frozenset(names) - unknown - _OF_RUN, values)
        found = {
            target
            for target, expression in _assignments(function, names, known)
            if expression is None or not known.by_catalog(expression)
        }
        if found <= unknown:
            return known
        unknown |= found


def _assignments(function: Tree, names: Sequence[str], known: Knowledge) -> Iterator[tuple[str, str | None]]:
    """(variable, what it is set to) for each assignment; None where rows decide about it."""
    for item in items(function.get("datums")):
        for value in item.values():
            if text := query_of(mapping(value).get("default_val")):
                yield str(mapping(value).get("refname", "")).lower(), text
    yield from _assigned_in(function.get("action"), names, known, sure=True)


def _assigned_in(node: object, names: Sequence[str], known: Knowledge, *, sure: bool) -> Iterator[tuple[str, str | None]]:
    if isinstance(node, list):
        for item in cast("list[object]", node):
            yield from _assigned_in(item, names, known, sure=sure)
        return
    for name, value in mapping(node).items():
        kind = name.removeprefix("PLpgSQL_")
        tree = mapping(value)
        if kind.startswith("stmt_"):
            for target, text in _targets(kind.removeprefix("stmt_"), tree, names):
                yield target, text if sure else None
        if isinstance(value, Mapping | list):
            within = sure and kind != "exception_block" and decides(kind, tree, known)
            yield from _assigned_in(cast("object", value), names, known, sure=within)


def variables_of(function: Tree) -> list[str]:
    """The names of its variables, parameters and records, in lower case."""
    return [str(datum.get("refname", "")).lower() for datum in _declared(function)]


def _declared(function: Tree) -> list[Tree]:
    return [mapping(value) for item in items(function.get("datums")) for value in item.values()]


def inserted_variables(function: Tree) -> Mapping[str, tuple[Name, str]]:
    """Variables that hold nothing but a column of a row which the body itself has inserted: its table and its name there."""
    names = variables_of(function)
    filled: dict[str, list[tuple[Name, str] | None]] = {}
    for kind, tree in _statements_in(function.get("action")):
        targets = [target for target, _ in _targets(kind, tree, names)]
        returned = _inserted(query_of(tree.get("sqlstmt"))) if kind == "execsql" else ()
        variables = [target for target in targets if target != "(unnamed row)"]
        for place, variable in enumerate(variables):
            filled.setdefault(variable, []).append(returned[place] if len(returned) == len(variables) else None)
    begun = {str(var.get("refname", "")).lower() for var in _declared(function) if "default_val" in var}
    found = {variable: values[0] for variable, values in filled.items() if len(values) == 1 and variable not in begun}
    return {variable: value for variable, value in found.items() if value is not None}


def _inserted(text: str) -> tuple[tuple[Name, str] | None, ...]:
    statements = _read(text) or ()
    changes = statements[0].changes if len(statements) == 1 and statements[0].node == "insert_stmt" else ()
    if len(changes) != 1 or changes[0].ignores:
        return ()
    return tuple(None if column is None else (changes[0].relation, column) for column in changes[0].returns)


def _statements_in(node: object) -> Iterator[tuple[str, Tree]]:
    if isinstance(node, list):
        for item in cast("list[object]", node):
            yield from _statements_in(item)
        return
    for name, value in mapping(node).items():
        if name.startswith("PLpgSQL_stmt_"):
            yield name.removeprefix("PLpgSQL_stmt_"), mapping(value)
        yield from _statements_in(cast("object", value) if isinstance(value, Mapping | list) else None)


def decides(kind: str, tree: Tree, known: Knowledge) -> bool:
    """Whether the catalog, or a known value, decides all that a statement does depending on something."""
    match kind:
        case "stmt_if" | "stmt_case":
            return all(known.by_catalog(text) or known.decided(text) is not None for text in conditions_of(tree))
        case "stmt_fors" | "stmt_foreach_a":
            return all(known.by_catalog(text) for key in ("query", "expr") if (text := query_of(tree.get(key))))
        case "stmt_fori":
            return all(known.by_catalog(text) for key in ("lower", "upper", "step") if (text := query_of(tree.get(key))))
        case "stmt_while" | "stmt_loop" | "stmt_forc" | "stmt_dynfors":
            return False
        case _:
            return True


def conditions_of(tree: Tree) -> list[str]:
    """Everything that an IF or a CASE asks."""
    below = [value for key in ("elsif_list", "case_when_list") for item in items(tree.get(key)) for value in item.values()]
    texts = [query_of(tree.get("cond")), query_of(tree.get("t_expr"))]
    texts += [query_of(mapping(value).get(key)) for value in below for key in ("cond", "expr")]
    return [re.sub(r'"__Case__Variable_\d+__"', "NULL", text) for text in texts if text]


def _targets(kind: str, tree: Tree, names: Sequence[str]) -> Iterator[tuple[str, str | None]]:
    text: str | None
    match kind:
        case "assign":
            text = query_of(tree.get("expr"))
            variable = re.match(r'\s*"?(\w+)', text)
            yield (variable[1].lower() if variable else ""), re.sub(r"^[^=]*?:?=", "", text, count=1)
            return
        case "execsql" | "fors":
            text = query_of(tree.get("sqlstmt" if kind == "execsql" else "query"))
        case "foreach_a":
            text = query_of(tree.get("expr"))
        case _:
            text = None
    for name in _filled(tree):
        yield name, text
    diagnosed = [mapping(value).get("target") for item in items(tree.get("diag_items")) for value in item.values()]
    for place in (tree.get("varno"), *diagnosed):
        if isinstance(place, int) and place < len(names):
            yield names[place], text


def _filled(tree: Tree) -> Iterator[str]:
    """Variables behind INTO, or of a loop."""
    for value in (value for key in ("target", "var") for value in mapping(tree.get(key)).values()):
        for name in (mapping(value).get("refname"), *(part.get("name") for part in items(mapping(value).get("fields")))):
            yield str(name).lower()


def query_of(node: object) -> str:
    """The text of an expression of the tree; "" where there is none."""
    return str(mapping(mapping(node).get("PLpgSQL_expr")).get("query", ""))


def mapping(node: object) -> Tree:
    """A node as a mapping; an empty one where it is none."""
    return cast("Tree", node) if isinstance(node, Mapping) else {}


def items(nodes: object) -> Sequence[Tree]:
    """A list of nodes; an empty one where it is none."""
    return cast("list[Tree]", nodes) if isinstance(nodes, list) else ()
