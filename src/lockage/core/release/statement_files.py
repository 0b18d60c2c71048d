"""The running release's statements out of a file: SQL, or ``pg_stat_statements`` as psql, JSON and CSV exports print it.

Not for executing them, and not for a profile's own files (``statements``). The surprising thing: nothing is parsed.
``pg_stat_statements`` puts ``$1`` where no parser takes one (``interval $1``), so SQL is split by its words alone.

Codes: LK705 the file is none of these · LK706 it holds no statement.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import cast

from lockage.core.migration.placeholders import split_loosely
from lockage.core.release.statements import OldStatement, RunningRelease
from lockage.errors import UsageError

_TEXT = ("query", "statement", "sql")
_ROLE = ("rolname", "role", "usename", "username", "user")
_SINCE = ("stats_reset", "since")
HIDDEN = "<insufficient privilege>"
"""What pg_stat_statements shows of others' statements to a role without pg_read_all_stats. Source: PostgreSQL 18, F.30."""

_Row = Mapping[str, object]


def read_statement_file(text: str, *, file: str) -> RunningRelease:
    """The statements of ``text``, each once a role, in its order; ``file`` is for messages.

    Raises ``UsageError``: LK705 it is JSON or CSV and has no statements where they should be, LK706 there are none.
    """
    text = text.lstrip("\ufeff")
    try:
        rows = _rows(text, file=file)
    except csv.Error as error:
        raise UsageError(
            f"{file} is no CSV: {error}", code="LK705", hint="export it as JSON, or as one SQL statement each, separated by ;"
        ) from error
    if rows is None:
        found = [OldStatement(text=statement) for statement in split_loosely(text)]
        return _release(found, file=file, since=None, hidden=0)
    texts = [(str(said or "").strip().rstrip(";"), row) for row in rows if (said := _first(row, _TEXT)) is not None]
    if rows and not texts:
        names = ", ".join(sorted({name for row in rows for name in row})[:8])
        raise UsageError(
            f"{file} has no column query; it has {names or '(none)'}",
            code="LK705",
            hint="export it with: select query from pg_stat_statements",
        )
    since = next((str(value) for _, row in texts if (value := _first(row, _SINCE))), None)
    found = [OldStatement(text=said, role=_role(row)) for said, row in texts if said and said != HIDDEN]
    return _release(found, file=file, since=since, hidden=sum(said == HIDDEN for said, _ in texts))


def hidden_statements(count: int) -> str:
    """The sentence about statements whose text the asking role may not see."""
    if count == 1:
        return "1 statement of another role was hidden from the role that asked, and is not checked"
    return f"{count} statements of other roles were hidden from the role that asked, and are not checked"


def _release(found: Iterable[OldStatement], *, file: str, since: str | None, hidden: int) -> RunningRelease:
    statements = tuple(dict.fromkeys(found))
    if not statements:
        raise UsageError(
            f"{file} holds no statement",
            code="LK706",
            hint="one SQL statement each, separated by ;, or pg_stat_statements exported as CSV or JSON",
        )
    remarks = (hidden_statements(hidden),) if hidden else ()
    return RunningRelease(statements=statements, source=file, since=since, remarks=remarks)


def _rows(text: str, *, file: str) -> list[_Row] | None:
    """Rows of a JSON or CSV export; None for SQL."""
    begin = text.lstrip()
    if begin.startswith(("[", "{")):
        return _of_json(begin, file=file)
    header = begin.splitlines()[0] if begin else ""
    # pg_stat_statements cuts no text, however long. The limit is the process's; it is only ever raised.
    csv.field_size_limit(max(csv.field_size_limit(), len(begin)))
    for delimiter in ",;\t|":
        names = next(csv.reader([header], delimiter=delimiter), cast("list[str]", []))
        if _is_header(names):
            reader = csv.DictReader(io.StringIO(begin), delimiter=delimiter)
            return [{str(name).strip().lower(): value for name, value in row.items() if name is not None} for row in reader]
    return None


def _is_header(names: list[str]) -> bool:
    words = [name.strip().strip('"').lower() for name in names]
    return any(word in _TEXT for word in words) and all(word.replace("_", "").isalnum() for word in words)


def _of_json(text: str, *, file: str) -> list[_Row]:
    try:
        document: object = json.loads(text)
    except json.JSONDecodeError:
        documents = list(_lines(text, file=file))
    else:
        documents = _listed(document)
    return [
        {str(name).lower(): value for name, value in cast("_Row", item).items()} if isinstance(item, dict) else {"query": item}
        for item in documents
        if isinstance(item, (dict, str))
    ]


def _listed(document: object) -> list[object]:
    if isinstance(document, dict):
        inner = [cast("list[object]", value) for value in cast("_Row", document).values() if isinstance(value, list)]
        return inner[0] if len(inner) == 1 else [document]
    return cast("list[object]", document) if isinstance(document, list) else [document]


def _lines(text: str, *, file: str) -> Iterator[object]:
    """One JSON value a line, as psql prints ``row_to_json``."""
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                yield json.loads(line)
            except json.JSONDecodeError as error:
                raise UsageError(
                    f"{file}, line {number} is no JSON: {error.msg}",
                    code="LK705",
                    hint="one SQL statement each, separated by ;, or pg_stat_statements exported as CSV or JSON",
                ) from error


def _first(row: _Row, names: Iterable[str]) -> object | None:
    return next((row[name] for name in names if row.get(name) is not None), None)


def _role(row: _Row) -> str | None:
    said = _first(row, _ROLE)
    return str(said) if said else None
