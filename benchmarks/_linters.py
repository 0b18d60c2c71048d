"""What linters of SQL texts claim about who is blocked, put as fairly as their words allow.

``squawk`` and ``pgfence`` from the ``PATH`` or from the folders in ``LOCKAGE_BENCH_TOOLS`` (one or more, with ``:`` between
them). A claim of reads and writes is ``reads``, of writes alone ``writes``, whatever the rule; a warning of another kind is no
claim. squawk names no table, so its claim counts for the first relation that the statement names and that existed before.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.blocking_corpus import SCHEMA, Case
from support.waiting_sessions import FROM_WORST

from lockage.core.migration.statement import split_statements
from lockage.core.migration.syntax import Statement

_TABLES = frozenset(str(name) for statement in split_statements(SCHEMA, file="schema") for name in statement.created)
_INDEXES = {
    match[1]: match[2] for match in re.finditer(r"create (?:unique )?index (\w+) on (\w+)", SCHEMA)
}  # a statement about an index means its table


@dataclass(frozen=True)
class Linter:
    """One program."""

    name: str
    claims: Callable[[Case], dict[str, str]]


def installed_linters() -> tuple[list[Linter], list[str]]:
    """Those that are here, and a sentence for each that is not."""
    found: list[Linter] = []
    absent: list[str] = []
    for name, how, claims in (
        ("squawk", "pip install squawk-cli", _squawk),
        ("pgfence", "npm install @flvmnt/pgfence", _pgfence),
    ):
        path = os.pathsep.join((os.environ.get("LOCKAGE_BENCH_TOOLS", ""), os.environ.get("PATH", "")))
        program = shutil.which(name, path=path)
        if program is None:
            absent.append(f"{name} is not on the PATH, so it is not compared: {how}")
        else:
            found.append(Linter(f"{name}", lambda case, run=claims, program=program: run(program, case)))
    absent.append("eugene traces too, but is not on PyPI or npm; Atlas' lock rules need an account: neither is compared")
    return found, absent


def _run(command: list[str], case: Case) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "case.sql"
        file.write_text(case.text + "\n")
        done = subprocess.run([*command, str(file)], capture_output=True, text=True, timeout=60, check=False)
    try:
        return json.loads(done.stdout)
    except ValueError:
        return None


def _squawk(program: str, case: Case) -> dict[str, str]:
    more = [] if case.outside else ["--assume-in-transaction"]
    said = _run([program, "--reporter", "Json", *more], case) or []
    statements = split_statements(case.text, file="case")
    claims: dict[str, str] = {}
    for violation in said:
        words = f"{violation['message']} {violation.get('help') or ''}".lower()
        if violation["rule_name"] in {"require-statement-timeout", "prefer-robust-stmts"}:
            continue
        line = violation["line"] + 1
        statement = next((s for s in reversed(statements) if s.line <= line), None)
        if statement is not None:
            _claim(claims, _first_old(statement), _level(words))
    return claims


def _level(words: str) -> str:
    if "blocking: reads" in words or "access exclusive" in words or re.search(r"block\w* (?:all )?reads|reads and writes", words):
        return "reads"
    if re.search(
        r"blocking: writes|share row exclusive|updates are blocked|block\w* writes|writes? (?:to|on|are|will be) |share lock", words
    ):
        return "writes"
    return "none"


def _first_old(statement: Statement) -> str | None:
    for name in statement.names:
        table = _INDEXES.get(name.name, str(name))
        if table in _TABLES:
            return table if "." in table else f"public.{table}"
    found = re.search(r"(?:index|view)\s+(?:concurrently\s+)?(?:if exists\s+)?(\w+)", statement.text, re.IGNORECASE)
    table = _INDEXES.get(found[1]) if found else None
    return f"public.{table}" if table else None


def _pgfence(program: str, case: Case) -> dict[str, str]:
    said = _run([program, "analyze", "--output", "json"], case) or {"results": []}
    claims: dict[str, str] = {}
    for result in said["results"]:
        for check in result["checks"]:
            blocks = check.get("blocks") or {}
            table = str(check.get("tableName") or "").replace('"', "")
            table = _INDEXES.get(table, table)
            if table in _TABLES:
                level = "reads" if blocks.get("reads") else "writes" if blocks.get("writes") else "none"
                _claim(claims, table if "." in table else f"public.{table}", level)
    return claims


def _claim(claims: dict[str, str], relation: str | None, level: str) -> None:
    if relation is not None and level != "none":
        claims[relation] = min(claims.get(relation, "none"), level, key=FROM_WORST.index)
