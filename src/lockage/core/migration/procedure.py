"""Code inside a statement: the SQL that a ``DO`` block or a routine would run, and whether its text lets it always run.

Not for running it, and not for values: a condition is never evaluated here. The surprising thing: even a block whose body did
run can have given its locks back, when its exception was caught, so every inner statement says which blocks protect it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, cast

from lockage.core.migration.statement import CONFINED_LANGUAGES, body_of, outside_call_in, parse_plpgsql, split_statements
from lockage.core.migration.syntax import Statement
from lockage.errors import UsageError


class Place(StrEnum):
    """What stands between the beginning of the code and one of its statements."""

    STRAIGHT = "straight"  # nothing: it runs whenever the code does
    BRANCH = "in a branch"
    LOOP = "in a loop"
    PROTECTED = "in a block whose exceptions are caught"
    HANDLER = "in an exception handler"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    """One SQL statement inside code."""

    line: int  # in the body, from 1
    place: Place
    text: str  # the SQL, or of a dynamic one the expression that gives it
    statements: tuple[Statement, ...] | None  # what it says; None: it cannot be read before it runs
    dynamic: bool = False  # EXECUTE
    protected: bool = False  # an exception in it, or behind it, can be caught and give its locks back


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """What a body of code would run."""

    inner: tuple[Inner, ...]
    readable: bool  # False: another language, or a body that does not parse


def read_code(definition: str, *, language: str) -> Code:
    """The inner statements of a ``DO`` or of a routine's definition, in order; ``language`` in lower case."""
    if language == "sql":
        return _sql_code(definition)
    if language != "plpgsql":
        return Code(inner=(), readable=False)
    found: list[Inner] = []
    functions = parse_plpgsql(definition)
    for function in functions:
        body = _child(function, "PLpgSQL_function")
        found.extend(_block(body.get("action"), Place.STRAIGHT, protected=False, variables=_variables(body)))
    return Code(inner=tuple(found), readable=bool(functions))


def _sql_code(definition: str) -> Code:
    body = body_of(definition)
    if body is None:
        return Code(inner=(), readable=False)
    try:
        statements = split_statements(body, file="function")
    except UsageError:
        return Code(inner=(), readable=False)
    return Code(
        inner=tuple(Inner(line=s.line, place=Place.STRAIGHT, text=s.text, statements=(s,)) for s in statements), readable=True
    )


# --- the tree ---------------------------------------------------------------------------------------------------------

_Tree = Mapping[str, Any]

# Keys under which a statement of PL/pgSQL holds statements, and what running them depends on.
_BODIES: Mapping[str, Place] = {
    "then_body": Place.BRANCH,
    "else_body": Place.BRANCH,
    "stmts": Place.BRANCH,
    "else_stmts": Place.BRANCH,
}
_LOOPS = {"loop", "while", "fori", "fors", "forc", "foreach_a", "dynfors"}
_SQL = {"execsql": "sqlstmt", "perform": "expr", "call": "expr", "fors": "query", "return_query": "query", "open": "query"}
_DYNAMIC = {"dynexecute": "query", "dynfors": "query", "return_query": "dynquery", "open": "dynquery"}


def _block(node: object, place: Place, *, protected: bool, variables: frozenset[str]) -> Iterator[Inner]:
    block = _child(node, "PLpgSQL_stmt_block")
    handlers = _child(_child(block, "exceptions"), "PLpgSQL_exception_block")
    caught = bool(handlers)
    within = Place.PROTECTED if caught and place is Place.STRAIGHT else place
    yield from _sequence(block.get("body"), within, protected=protected or caught, variables=variables)
    for item in _items(handlers.get("exc_list")):
        action = _child(item, "PLpgSQL_exception").get("action")
        yield from _sequence(action, Place.HANDLER, protected=protected, variables=variables)


def _sequence(nodes: object, place: Place, *, protected: bool, variables: frozenset[str]) -> Iterator[Inner]:
    for node in _items(nodes):
        for name, value in node.items():
            if name == "PLpgSQL_stmt_block":
                yield from _block(node, place, protected=protected, variables=variables)
            elif name.startswith("PLpgSQL_stmt_"):
                kind = name.removeprefix("PLpgSQL_stmt_")
                yield from _statement(kind, cast("_Tree", value), place, protected=protected, variables=variables)
        place = _after(node, place)


def _after(node: _Tree, place: Place) -> Place:
    """Where what follows stands: behind an EXIT, CONTINUE or RETURN in a branch nothing is sure any more."""
    if place is Place.STRAIGHT and _leaves(node):
        return Place.BRANCH
    return place


def _leaves(node: object) -> bool:
    if isinstance(node, Mapping):
        tree = cast("_Tree", node)
        return any(
            name in {"PLpgSQL_stmt_return", "PLpgSQL_stmt_raise_error"} or _leaves(value) for name, value in tree.items()
        )
    if isinstance(node, list):
        return any(_leaves(item) for item in cast("list[object]", node))
    return False


def _statement(kind: str, node: _Tree, place: Place, *, protected: bool, variables: frozenset[str]) -> Iterator[Inner]:
    line = int(node.get("lineno", 1))
    if kind in _SQL and (expression := _child(node.get(_SQL[kind]), "PLpgSQL_expr")):
        text = str(expression.get("query", ""))
        yield Inner(line=line, place=place, text=text, statements=_read(text), protected=protected)
    if kind in _DYNAMIC and (expression := _child(node.get(_DYNAMIC[kind]), "PLpgSQL_expr")):
        text = str(expression.get("query", ""))
        known = template(text)
        statements = _read(known) if known is not None else None
        yield Inner(line=line, place=place, text=text, statements=statements, dynamic=True, protected=protected)
    below = Place.LOOP if kind in _LOOPS else Place.BRANCH
    below = below if place in {Place.STRAIGHT, Place.PROTECTED} else place
    if kind == "if" and _decided_by_catalog(node, variables):
        below = place
    if kind in _LOOPS:
        yield from _sequence(node.get("body"), below, protected=protected, variables=variables)
    for key in _BODIES:
        yield from _sequence(node.get(key), below, protected=protected, variables=variables)
    for item in (*_items(node.get("elsif_list")), *_items(node.get("case_when_list"))):
        for value in item.values():
            for key in _BODIES:
                yield from _sequence(_mapping(value).get(key), below, protected=protected, variables=variables)


_CATALOGS = {"pg_catalog", "information_schema"}
_IN_CATALOG = re.compile(
    r"^(pg_(class|attribute|attrdef|constraint|index|indexes|tables|views|matviews|sequences|type|enum|namespace|proc|trigger"
    r"|policy|policies|rewrite|rules|inherits|partitioned_table|publication|publication_tables|extension|description|depend)"
    r"|columns|tables|table_constraints|key_column_usage|constraint_column_usage|check_constraints|referential_constraints"
    r"|schemata|views|routines|triggers|sequences|domains)$"
)
"""Relations in which a shadow has what production has."""
_OF_CATALOG = {"to_regclass", "to_regtype", "to_regproc", "to_regprocedure", "to_regnamespace"}
_PLAIN = {"count", "current_schema", "current_database", "lower", "upper", "format", "quote_ident", "bool_or", "bool_and"}


def _variables(function: _Tree) -> frozenset[str]:
    datums = (value for item in _items(function.get("datums")) for value in item.values())
    return frozenset(str(_mapping(value).get("refname", "")).lower() for value in datums) - {""}


def _decided_by_catalog(node: _Tree, variables: frozenset[str]) -> bool:
    """Whether nothing but the catalog decides an IF: then a shadow takes the way that production takes."""
    branches = (value for item in _items(node.get("elsif_list")) for value in item.values())
    conditions = (node.get("cond"), *(_mapping(value).get("cond") for value in branches))
    return all(_asks_catalog(str(_child(c, "PLpgSQL_expr").get("query", "")), variables) for c in conditions)


def _asks_catalog(condition: str, variables: frozenset[str]) -> bool:
    if variables & set(re.findall(r"\w+", re.sub(r"'[^']*'", "", condition).lower())):
        return False  # what it holds may come from rows
    statements = _read(f"SELECT {condition}")
    if statements is None or len(statements) != 1:
        return False
    names, calls = statements[0].names, {call.name for call in statements[0].calls}
    in_catalog = all(
        name.schema in _CATALOGS or (name.schema is None and name.name.startswith("pg_")) for name in names
    ) and all(_IN_CATALOG.match(name.name) for name in names)
    return in_catalog and calls <= _OF_CATALOG | _PLAIN and bool(names or calls & _OF_CATALOG)


def _read(text: str) -> tuple[Statement, ...] | None:
    try:
        return split_statements(text, file="block")
    except UsageError:
        return None


PLACEHOLDER = "lockage_any"


def template(expression: str) -> str | None:
    """SQL that a dynamic statement's expression gives, when it is one literal or ``format`` of one; None otherwise.

    Identifiers that only the run knows stand as ``lockage_any``, values as NULL.
    """
    found = re.fullmatch(
        r"\s*(?:(?P<format>(?:pg_catalog\.)?format)\s*\(\s*)?(?P<literal>'(?:[^']|'')*'|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)\s*"
        r"(?P<rest>,.*\))?\s*\)?\s*",
        expression,
        re.DOTALL,
    )
    if found is None or (found["rest"] and not found["format"]):
        return None
    literal = found["literal"]
    text = literal[1:-1].replace("''", "'") if literal.startswith("'") else literal.split("$", 2)[2].rsplit("$", 2)[0]
    if not found["format"]:
        return text
    if re.search(r"%(\d+\$)?s", text):
        return None  # may be anything, a whole clause too
    return re.sub(r"%(\d+\$)?L", "NULL", re.sub(r"%(\d+\$)?I", PLACEHOLDER, text)).replace("%%", "%")


def _child(node: object, name: str) -> _Tree:
    return _mapping(_mapping(node).get(name))


def _mapping(node: object) -> _Tree:
    return cast("_Tree", node) if isinstance(node, Mapping) else {}


def _items(nodes: object) -> Sequence[_Tree]:
    return cast("list[_Tree]", nodes) if isinstance(nodes, list) else ()


def reach_outside(statement: Statement) -> str | None:
    """How a statement, or code inside it, reaches out of the database; None where it does not, so that it can be executed."""
    if statement.outside is not None:
        return statement.outside
    if statement.procedure is None:
        return None
    language = statement.procedure.language.lower()
    if not confined(language):
        return f"is a block in {language}, which is not confined to the database"
    for inner in read_code(statement.text, language=language).inner:
        for found in inner.statements or ():
            if found.outside is not None:
                return f"{found.outside} (in its block)"
        if inner.statements is None and (called := outside_call_in(inner.text)):
            return f"calls {called}, which reaches out of the database (in dynamic SQL)"
    how = body_reaches_outside(statement.text)
    return None if how is None else f"{how} (in its block)"


def confined(language: str) -> bool:
    """Whether code in this language stays in the database."""
    return language.lower() in CONFINED_LANGUAGES


_COPY_OUT = re.compile(r"\bcopy\b[^;]*?\b(?:(?P<program>program)|(?:from|to)\s+'+(?P<file>[^']))", re.IGNORECASE | re.DOTALL)


@lru_cache(maxsize=4096)  # a routine is called again and again
def body_reaches_outside(definition: str) -> str | None:
    """How the text of a block or a routine may reach out of the database, by its words; None where it has none of those."""
    called = outside_call_in(definition)
    if called is not None:
        return f"calls {called}, which reaches out of the database"
    copied = _COPY_OUT.search(definition)
    if copied is None:
        return None
    return "runs a program on the server" if copied["program"] else "reads or writes a file of the server"
