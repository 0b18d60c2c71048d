"""Code inside a statement: the SQL that a ``DO`` block or a routine would run, and whether its text lets it always run.

Not for running it, and not for values: a condition is never evaluated here. The surprising thing: even a block whose body did
run can have given its locks back, when its exception was caught, so every inner statement says which blocks protect it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import cast

from lockage.core.migration.cursors import fetched_in_part
from lockage.core.migration.decisions import (
    Knowledge,
    Tree,
    conditions_of,
    decides,
    inserted_variables,
    items,
    knowledge_of,
    mapping,
    query_of,
    variables_of,
)
from lockage.core.migration.dynamic_sql import template
from lockage.core.migration.statement import CONFINED_LANGUAGES, body_of, outside_call_in, parse_plpgsql, split_statements
from lockage.core.migration.syntax import Name, Statement
from lockage.errors import UsageError


class Place(StrEnum):
    """What stands between the beginning of the code and one of its statements."""

    STRAIGHT = "straight"  # nothing: it runs whenever the code does
    BRANCH = "in a branch"
    CALLED = "not called here, so it"  # straight in a trigger's code or a function's, which rows or a condition call
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
    expression: bool = False  # it is none of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """What a body of code would run."""

    inner: tuple[Inner, ...]
    readable: bool  # False: another language, or a body that does not parse
    inserted: Mapping[str, tuple[Name, str]] = field(default_factory=dict[str, tuple[Name, str]])
    """Variables that hold a column of a row which the body has inserted itself: its table and its name there."""
    expressions: tuple[Inner, ...] = ()  # no statements, but what conditions, assignments and RETURN read and call
    variables: frozenset[str] = frozenset()  # names in it that may stand for a value, in lower case
    fetched_in_part: frozenset[str] = frozenset()  # queries of cursors of which it fetches single rows


@lru_cache(maxsize=1024)  # one function serves the triggers of many tables
def read_code(definition: str, *, language: str, event: str | None = None, given: bool = False) -> Code:
    """The inner statements of a ``DO`` or of a routine's definition, in order; ``language`` in lower case.

    ``event``: what fires it as a trigger ("INSERT", …), so that of branches by TG_OP only those are read that it takes.
    ``given``: its parameters have values that are the same wherever it is called.
    """
    if language == "sql":
        return _sql_code(definition)
    if language != "plpgsql":
        return Code(inner=(), readable=False)
    found: list[Inner] = []
    inserted: dict[str, tuple[Name, str]] = {}
    variables: set[str] = set()
    in_part: set[str] = set()
    functions = parse_plpgsql(definition)
    for function in functions:
        body = _child(function, "PLpgSQL_function")
        known = knowledge_of(body, values={} if event is None else {"tg_op": event}, given=given)
        found.extend(_block(body.get("action"), Place.STRAIGHT, protected=False, known=known))
        inserted.update(inserted_variables(body))
        variables.update(variables_of(body))
        in_part.update(fetched_in_part(body))
    return Code(
        inner=tuple(inner for inner in found if not inner.expression),
        readable=bool(functions),
        inserted=inserted,
        variables=frozenset(variables),
        fetched_in_part=frozenset(in_part),
        expressions=tuple(inner for inner in found if inner.expression),
    )


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


def _block(node: object, place: Place, *, protected: bool, known: Knowledge) -> Iterator[Inner]:
    block = _child(node, "PLpgSQL_stmt_block")
    handlers = _child(_child(block, "exceptions"), "PLpgSQL_exception_block")
    caught = bool(handlers)
    within = Place.PROTECTED if caught and place is Place.STRAIGHT else place
    yield from _sequence(block.get("body"), within, protected=protected or caught, known=known)
    for item in items(handlers.get("exc_list")):
        action = _child(item, "PLpgSQL_exception").get("action")
        yield from _sequence(action, Place.HANDLER, protected=protected, known=known)


def _sequence(nodes: object, place: Place, *, protected: bool, known: Knowledge) -> Iterator[Inner]:
    for node in items(nodes):
        for name, value in node.items():
            if name == "PLpgSQL_stmt_block":
                yield from _block(node, place, protected=protected, known=known)
            elif name.startswith("PLpgSQL_stmt_"):
                kind = name.removeprefix("PLpgSQL_stmt_")
                yield from _statement(kind, mapping(value), place, protected=protected, known=known)
        if _ends(node, known):
            return  # nobody ever comes to what follows
        if place is Place.STRAIGHT and _leaves(node, known):
            place = Place.BRANCH  # behind a RETURN in a branch nothing is sure any more


def _ends(node: Tree, known: Knowledge) -> bool:
    """Whether nothing behind a statement ever runs."""
    for name, value in node.items():
        tree = mapping(value)
        if name == "PLpgSQL_stmt_return" or (name == "PLpgSQL_stmt_exit" and not tree.get("cond")):
            return True
        if name == "PLpgSQL_stmt_if" and (taken := _taken(tree, known)) is not None:
            return any(_ends(item, known) for item in items(taken))
        if name == "PLpgSQL_stmt_block" and "exceptions" not in tree:
            return "label" not in tree and any(_ends(item, known) for item in items(tree.get("body")))
    return False


def _leaves(node: object, known: Knowledge) -> bool:
    """Whether it may return, where rows decide whether it does."""
    if isinstance(node, Mapping):
        for name, value in cast("Tree", node).items():
            taken = _taken(mapping(value), known) if name == "PLpgSQL_stmt_if" else None
            if name == "PLpgSQL_stmt_if" and taken is None and decides("stmt_if", mapping(value), known):
                taken = [item for item in _branches(mapping(value)) if "PLpgSQL_stmt_return" not in item]
            if name == "PLpgSQL_stmt_return" or _leaves(cast("object", value) if taken is None else taken, known):
                return True
        return False
    return isinstance(node, list) and any(_leaves(item, known) for item in cast("list[object]", node))


def _branches(node: Tree) -> list[Tree]:
    """All statements right below an IF."""
    below = [mapping(value) for item in items(node.get("elsif_list")) for value in item.values()]
    return [item for tree in (node, *below) for key in _BODIES for item in items(tree.get(key))]


def _taken(node: Tree, known: Knowledge) -> object:
    """The body that an IF runs by what is known; None where that does not say."""
    below = [mapping(value) for item in items(node.get("elsif_list")) for value in item.values()]
    for branch in ({"cond": node.get("cond"), "stmts": node.get("then_body")}, *below):
        decided = known.decided(query_of(branch.get("cond")))
        if decided is None:
            return None
        if decided:
            return cast("object", branch.get("stmts") or [])
    return cast("object", node.get("else_body") or [])


def _statement(kind: str, node: Tree, place: Place, *, protected: bool, known: Knowledge) -> Iterator[Inner]:
    line = int(node.get("lineno", 1))
    yield from _expressions(kind, node, line, place, protected=protected)
    if kind in _SQL and (text := query_of(node.get(_SQL[kind]))):
        yield Inner(line=line, place=place, text=text, statements=_read(text), protected=protected)
    if kind in _DYNAMIC and (text := query_of(node.get(_DYNAMIC[kind]))):
        plain = template(text)
        statements = _read(plain) if plain is not None else None
        yield Inner(line=line, place=place, text=text, statements=statements, dynamic=True, protected=protected)
    if kind == "if" and (taken := _taken(node, known)) is not None:
        yield from _sequence(taken, place, protected=protected, known=known)
        return
    below = Place.LOOP if kind in _LOOPS else Place.BRANCH
    below = below if place in {Place.STRAIGHT, Place.PROTECTED} else place
    if kind in _BY_CATALOG and decides(f"stmt_{kind}", node, known):
        below = place  # the way that production takes is taken on a shadow
    if kind in _LOOPS:
        yield from _sequence(node.get("body"), below, protected=protected, known=known)
    for key in _BODIES:
        yield from _sequence(node.get(key), below, protected=protected, known=known)
    for item in (*items(node.get("elsif_list")), *items(node.get("case_when_list"))):
        for value in item.values():
            for key in _BODIES:
                yield from _sequence(mapping(value).get(key), below, protected=protected, known=known)


def _expressions(kind: str, node: Tree, line: int, place: Place, *, protected: bool) -> Iterator[Inner]:
    """What conditions, assignments and RETURN read and call, where they do."""
    texts = conditions_of(node) if kind in {"if", "case"} else [query_of(node.get(key)) for key in _EXPRESSIONS.get(kind, ())]
    for text in texts:
        if "(" not in text:
            continue  # neither a subquery nor a call
        found = _read(f"SELECT {_ASSIGNED.sub('', text, count=1)}" if kind == "assign" else f"SELECT {text}")
        if found and any(statement.names or statement.calls for statement in found):
            yield Inner(line=line, place=place, text=text, statements=found, protected=protected, expression=True)


_EXPRESSIONS: Mapping[str, Sequence[str]] = {
    "assign": ("expr",),
    "return": ("expr",),
    "while": ("cond",),
    "exit": ("cond",),
    "fori": ("lower", "upper", "step"),
    "foreach_a": ("expr",),
    "assert": ("cond",),
}
_ASSIGNED = re.compile(r"^[^=]*?:?=")

_BY_CATALOG = {"if", "case", "fors"}


def _read(text: str) -> tuple[Statement, ...] | None:
    try:
        return split_statements(text, file="block")
    except UsageError:
        return None


def _child(node: object, name: str) -> Tree:
    return mapping(mapping(node).get(name))


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


# Whatever stands between, a query with semicolons in its strings; and a name in any quotes, or put in by format().
_COPY_OUT = re.compile(
    r"\bcopy\b.*?\b(?:(?P<program>program)\b|(?:from|to)\s*(?:/\*.*?\*/\s*)?(?:\b(?:e|u&)(?=')|(?=['$%])))",
    re.IGNORECASE | re.DOTALL,
)


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
