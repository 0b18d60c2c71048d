"""From SQL text to statements: splitting with lines, and reading what each one says.

What a tree says is read by ``changed_rows``, ``changed_columns``, ``table_work`` and their like. Not for guessing locks: the
trace asks PostgreSQL. The surprising thing: the parser counts bytes, not characters, and a statement's line is that of its
first word, not of the comment before it.

Codes: LK401 SQL that does not parse · LK713 nested too deep · LK714 what only psql understands.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import postgast
from google.protobuf.message import Message
from postgast import pg_query_pb2 as pg

from lockage.core.migration.asked_locks import asked_mode, referred_tables
from lockage.core.migration.calls import called, kept_calls
from lockage.core.migration.changed_columns import added_columns, filled_columns, removed_columns
from lockage.core.migration.changed_rows import changes
from lockage.core.migration.names import name_of
from lockage.core.migration.nodes import nodes_of, of_kind
from lockage.core.migration.parsing import NestedTooDeepError, parse, parse_in_parts, too_deep_at
from lockage.core.migration.plain_rows import PlainRows
from lockage.core.migration.syntax import Control, Name, Procedure, Statement
from lockage.core.migration.table_work import works
from lockage.errors import UsageError

_CONTROL = {
    pg.TRANS_STMT_BEGIN: Control.BEGIN,
    pg.TRANS_STMT_START: Control.BEGIN,
    pg.TRANS_STMT_COMMIT: Control.COMMIT,
    pg.TRANS_STMT_ROLLBACK: Control.ROLLBACK,
    pg.TRANS_STMT_SAVEPOINT: Control.SAVEPOINT,
    pg.TRANS_STMT_RELEASE: Control.RELEASE,
    pg.TRANS_STMT_ROLLBACK_TO: Control.ROLLBACK_TO,
}

# Functions that read or write the server's files, other servers or other sessions.
# Source: PostgreSQL 18 manual, 9.28 "System Administration Functions", F.11 "dblink", 33.4 "Server-Side Functions".
_OUTSIDE_CALLS = re.compile(
    r"^(dblink.*|lo_import|lo_export|pg_read_.*file|pg_ls_.*|pg_file_.*|pg_stat_file|pg_terminate_backend|pg_cancel_backend"
    r"|pg_reload_conf|pg_rotate_logfile|pg_promote|pg_switch_wal|pg_create_restore_point)$"
)

# Statements about the server as a whole, or that open connections and files of their own.
_OUTSIDE_NODES = {
    "createdb_stmt": "makes a database",
    "dropdb_stmt": "drops a database",
    "alter_database_stmt": "changes a database of the server",
    "create_table_space_stmt": "makes a tablespace in the server's files",
    "drop_table_space_stmt": "drops a tablespace of the server",
    "alter_system_stmt": "changes the server's configuration file",
    "create_subscription_stmt": "connects to another server",
    "alter_subscription_stmt": "connects to another server",
    "drop_subscription_stmt": "connects to another server",
    "load_stmt": "loads a library into the server",
    "import_foreign_schema_stmt": "connects to another server",
}

_COMMENTED_KINDS = {pg.OBJECT_COLUMN, pg.OBJECT_TRIGGER, pg.OBJECT_TABCONSTRAINT, pg.OBJECT_POLICY, pg.OBJECT_RULE}
_RELATION_KINDS = {
    pg.OBJECT_TABLE,
    pg.OBJECT_VIEW,
    pg.OBJECT_MATVIEW,
    pg.OBJECT_INDEX,
    pg.OBJECT_SEQUENCE,
    pg.OBJECT_FOREIGN_TABLE,
}


@lru_cache(maxsize=4096)  # the same inner statement is read again for every row it ran for
def split_statements(text: str, *, file: str) -> tuple[Statement, ...]:
    """Statements of a script in order, each with its line in ``file``; empty ones are left out.

    Raises ``UsageError`` with file and line where the text is no SQL of PostgreSQL's (LK401, with the parser's message), is
    nested too deep to be read (LK713), or is meant for psql (LK714).
    """
    found: list[Statement] = []
    plain = PlainRows()
    begins = 1
    for part, tree in _parts(text, file=file):
        data = part.encode()
        line, counted = begins, 0
        for raw in tree.stmts:
            start = _first_word(data, raw.stmt_location)
            line, counted = line + data.count(b"\n", counted, start), start
            end = raw.stmt_location + raw.stmt_len if raw.stmt_len else len(data)
            own = data[start:end].decode().rstrip().rstrip(";").rstrip()
            statement = plain.read(own, line=line)
            if statement is None:
                statement = _read(raw.stmt, text=own, line=line)
                plain.learn(statement)
            found.append(statement)
        begins += data.count(b"\n")
    return tuple(found)


@lru_cache(maxsize=4096)
def fingerprint(text: str) -> str:
    """What a statement's text has in common with itself under other constants."""
    if too_deep_at(text) is not None:
        return " ".join(text.split()).rstrip("; ")
    try:
        return postgast.fingerprint(text).hex
    except postgast.PgQueryError:
        # A server puts $1 where no parameter may stand, as in "interval $1": compare words instead.
        with contextlib.suppress(postgast.PgQueryError):
            text = postgast.normalize(text)
        return " ".join(re.sub(r"\$\d+", "$", text).split()).rstrip("; ")


def parse_plpgsql(definition: str) -> list[dict[str, Any]]:
    """PL/pgSQL code of a ``DO`` or ``CREATE FUNCTION`` as libpg_query's tree; empty where it does not parse."""
    try:
        return postgast.parse_plpgsql(definition)
    except json.JSONDecodeError as error:
        # libpg_query closes one brace too many behind each variable that only triggers have (TG_OP and the like).
        with contextlib.suppress(ValueError):
            return json.loads(re.sub(r"(?<=[,\[])\{\}\}", "{}", error.doc))
        return []
    except postgast.PgQueryError:
        return []


def body_of(definition: str) -> str | None:
    """The body text of a ``DO`` or ``CREATE FUNCTION``, BEGIN ATOMIC as plain statements; None where it has none."""
    try:
        tree = parse(definition)
    except postgast.PgQueryError:
        return None
    for option in postgast.find_nodes(tree, pg.DefElem):
        if option.defname == "as":
            arg = option.arg
            if arg.HasField("string"):
                return arg.string.sval
            return arg.list.items[0].string.sval if arg.list.items else None
    return next((_atomic(f.sql_body) for f in postgast.find_nodes(tree, pg.CreateFunctionStmt) if f.HasField("sql_body")), None)


def _atomic(body: pg.Node) -> str:
    """A body of the SQL standard, as text: BEGIN ATOMIC, or RETURN and an expression."""
    made = pg.ParseResult()
    for item in body.list.items[0].list.items if body.HasField("list") else [body]:
        stmt = made.stmts.add().stmt
        if item.HasField("return_stmt"):
            stmt.select_stmt.target_list.add().res_target.val.CopyFrom(item.return_stmt.returnval)
            stmt.select_stmt.limit_option = pg.LIMIT_OPTION_DEFAULT
            stmt.select_stmt.op = pg.SETOP_NONE
        else:
            stmt.CopyFrom(item)
    return postgast.deparse(made)


_WORD = re.compile(r"\w+")
_BEFORE_ARGUMENTS = re.compile(r"(\w+)\"?\s*\(")


@lru_cache(maxsize=4096)  # a routine is called again and again
def called_in(text: str) -> frozenset[str]:
    """Every word in any text that may be the name of a called function."""
    return frozenset(_BEFORE_ARGUMENTS.findall(text))


def outside_call_in(text: str) -> str | None:
    """The first word in any text that names a function which reaches out of the database."""
    return next((word for word in _WORD.findall(text) if _OUTSIDE_CALLS.match(word.lower())), None)


CONFINED_LANGUAGES = ("sql", "plpgsql", "plperl", "pltcl", "plv8")
"""Those that PostgreSQL trusts: code in them stays in the database. Source: PostgreSQL 18 manual, CREATE LANGUAGE, TRUSTED."""


def _parts(text: str, *, file: str) -> Iterator[tuple[str, pg.ParseResult]]:
    if "\x00" in text:
        line = text[: text.index("\x00")].count("\n") + 1
        raise UsageError(f"{file}, line {line}: a NUL character is no SQL", code="LK401", hint="correct the file")
    try:
        yield from parse_in_parts(text)
    except NestedTooDeepError as error:
        raise UsageError(
            f"{file}, line {text.count(chr(10), 0, error.cursorpos) + 1}: {error.message}",
            code="LK713",
            hint="the server may refuse it too (54001, stack depth limit exceeded): divide the statement",
        ) from error
    except postgast.PgQueryError as error:
        before = text[: max(error.cursorpos - 1, 0)]
        line = before.count("\n") + 1
        raise _of_psql(text, before, file=file) or UsageError(
            f"{file}, line {line}: {error.message}",
            code="LK401",
            hint="only SQL that PostgreSQL itself parses can be forecast (no psql commands, no COPY data)",
        ) from error


_COPY_DATA = re.compile(r"^[ \t]*COPY\b[^;']*\bFROM\s+STDIN\b[^;]*;", re.IGNORECASE | re.MULTILINE)


def _of_psql(text: str, before: str, *, file: str) -> UsageError | None:
    """Why a text does not parse behind ``before``, where it is meant for psql, as pg_dump writes it; None: it is not."""
    at = before.rfind("\n") + 1
    command = re.match(r"[ \t]*(\\[a-z]\w*)", text[at : at + 100])
    data = next((m for m in reversed(list(_COPY_DATA.finditer(before)))), None)
    if command is not None and data is None:
        line, what = before.count("\n") + 1, f"{command[1]} is a command of psql, which no migrator knows"
        return UsageError(f"{file}, line {line}: {what}", code="LK714", hint="leave that line out")
    if data is None:
        return None
    line = before.count("\n", 0, data.start() + len(data[0]) - len(data[0].lstrip())) + 1
    what = f"the rows of {' '.join(data[0].split()[:2])} stand in the file, which psql can send and a migrator cannot"
    return UsageError(f"{file}, line {line}: {what}", code="LK714", hint="write them as INSERT, as pg_dump --inserts does")


_NO_WORD = re.compile(rb"(?:\s|;|--[^\n]*(?:\n|$)|/\*.*?\*/)*", re.DOTALL)


def _first_word(data: bytes, start: int) -> int:
    match = _NO_WORD.match(data, start)
    return match.end() if match else start


def _read(node: pg.Node, *, text: str, line: int) -> Statement:
    kind = node.WhichOneof("node") or "empty"
    inner = getattr(node, kind) if kind != "empty" else node
    nodes = nodes_of(node)
    names, created = _names(kind, inner, node, nodes)
    changed = tuple(changes(node, nodes))
    calls = tuple(called(nodes))
    control, savepoint, chained = _control(kind, node)
    return Statement(
        text=text,
        line=line,
        node=kind,
        control=control,
        savepoint=savepoint,
        chained=chained,
        names=names,
        created=created,
        changes=changed,
        works=tuple(works(kind, node, nodes)),
        added_columns=tuple(added_columns(kind, node)),
        removed_columns=tuple(removed_columns(kind, node)),
        filled_columns=tuple(filled_columns(kind, node)),
        calls=calls,
        kept_calls=kept_calls(kind, node, calls),
        types=tuple(dict.fromkeys(_types(nodes))),
        procedure=_procedure(node, text=text, line=line) if kind == "do_stmt" else None,
        outside=_outside(kind, node, calls),
        lock_mode=asked_mode(kind, node),
        referred=referred_tables(nodes),
        handle=_handle(kind, node),
        concurrently=_concurrently(kind, node),
        unique=kind == "index_stmt" and node.index_stmt.unique,
        reads_only=kind == "select_stmt" and not changed and not node.select_stmt.HasField("into_clause"),
    )


# --- names ------------------------------------------------------------------------------------------------------------


def _names(kind: str, inner: Any, node: pg.Node, nodes: Sequence[Message]) -> tuple[tuple[Name, ...], tuple[Name, ...]]:
    common = {cte.ctename for cte in of_kind(nodes, pg.CommonTableExpr)}
    found = [name_of(var) for var in of_kind(nodes, pg.RangeVar) if var.schemaname or var.relname not in common]
    if kind == "drop_stmt":
        found += _listed(node.drop_stmt.objects, whole=node.drop_stmt.remove_type in _RELATION_KINDS)
    elif kind == "comment_stmt":
        objtype = node.comment_stmt.objtype
        if objtype in _RELATION_KINDS or objtype in _COMMENTED_KINDS:
            found += _listed([node.comment_stmt.object], whole=objtype in _RELATION_KINDS)
    created: list[Name] = []
    match kind:
        case "create_stmt" | "create_foreign_table_stmt":
            relation = inner.relation if kind == "create_stmt" else inner.base_stmt.relation
            created = [name_of(relation)]
        case "create_table_as_stmt":
            created = [name_of(node.create_table_as_stmt.into.rel)]
        case "view_stmt":
            created = [name_of(node.view_stmt.view)]
        case "create_seq_stmt":
            created = [name_of(node.create_seq_stmt.sequence)]
        case _:
            pass
    return tuple(dict.fromkeys(found)), tuple(created)


def _types(nodes: Sequence[Message]) -> Iterator[Name]:
    for of_type in of_kind(nodes, pg.TypeName):
        parts = [part.string.sval for part in of_type.names]
        if parts and parts[0] != "pg_catalog":  # as the parser writes what SQL has words for, such as INTEGER
            yield Name(schema=parts[-2] if len(parts) > 1 else None, name=parts[-1])


def _listed(objects: Iterable[pg.Node], *, whole: bool) -> list[Name]:
    found: list[Name] = []
    for item in objects:
        parts = [part.string.sval for part in item.list.items if part.HasField("string")]
        parts = parts if whole else parts[:-1]
        if parts:
            found.append(Name(schema=parts[-2] if len(parts) > 1 else None, name=parts[-1]))
    return found


# --- the rest ---------------------------------------------------------------------------------------------------------


def _control(kind: str, node: pg.Node) -> tuple[Control | None, str, bool]:
    if kind != "transaction_stmt":
        return None, "", False
    stmt = node.transaction_stmt
    return _CONTROL.get(stmt.kind, Control.TWO_PHASE), stmt.savepoint_name, stmt.chain


def _concurrently(kind: str, node: pg.Node) -> bool:
    match kind:
        case "index_stmt":
            return node.index_stmt.concurrent
        case "drop_stmt":
            return node.drop_stmt.concurrent
        case "reindex_stmt":
            return any(param.def_elem.defname == "concurrently" for param in node.reindex_stmt.params)
        case "refresh_mat_view_stmt":
            return node.refresh_mat_view_stmt.concurrent
        case _:
            return False


def _procedure(node: pg.Node, *, text: str, line: int) -> Procedure:
    language = "plpgsql"
    body = ""
    for item in node.do_stmt.args:
        if item.def_elem.defname == "language":
            language = item.def_elem.arg.string.sval
        elif item.def_elem.defname == "as":
            body = item.def_elem.arg.string.sval
    at = text.find(body) if body else -1
    at = at if at >= 0 else text.find("'") + 1  # a quoted body with doubled quotes is not found as it stands
    return Procedure(language=language, line=line + text.count("\n", 0, max(at, 0)))


def _handle(kind: str, node: pg.Node) -> str:
    return node.prepare_stmt.name if kind == "prepare_stmt" else node.execute_stmt.name if kind == "execute_stmt" else ""


def prepared_in(statement: Statement) -> Statement | None:
    """The statement that a PREPARE gives a name to; None of anything else."""
    if statement.node != "prepare_stmt":
        return None
    inner = parse(statement.text).stmts[0].stmt.prepare_stmt.query
    return _read(inner, text=statement.text, line=statement.line)


def _language(options: Iterable[pg.Node]) -> str | None:
    return next((o.def_elem.arg.string.sval.lower() for o in options if o.def_elem.defname == "language"), None)


def _outside(kind: str, node: pg.Node, calls: Iterable[Name]) -> str | None:
    if kind in _OUTSIDE_NODES:
        return _OUTSIDE_NODES[kind]
    if kind == "copy_stmt":
        stmt = node.copy_stmt
        if stmt.is_program:
            return "runs a program on the server"
        return "reads or writes a file of the server" if stmt.filename else "needs data from its client"
    if kind == "create_function_stmt":
        language = _language(node.create_function_stmt.options)
        confined = language is None or language in CONFINED_LANGUAGES
        return None if confined else f"makes a function in {language}, which is not confined to the database"
    for name in calls:
        if _OUTSIDE_CALLS.match(name.name):  # in whatever schema: that of an extension is its user's choice
            return f"calls {name}, which reaches out of the database"
    return None
