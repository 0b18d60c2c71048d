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
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lockage.core.migration.statement import split_statements
from lockage.core.migration.syntax import Statement
from support.blocking_corpus import WORLDS, Case, schema_of
from support.waiting_sessions import FROM_WORST

_Claim = tuple[str | None, str]  # the relation, and who waits for it

_SCHEMAS = "\n".join(schema_of(world) for world in WORLDS)
_TABLES = frozenset(str(name) for statement in split_statements(_SCHEMAS, file="schema") for name in statement.created)
_INDEXES = {
    match[1]: match[2] for match in re.finditer(r"create (?:unique )?index (\w+) on (\w+)", _SCHEMAS)
}  # a statement about an index means its table


class Linter:
    """One program, run once over all cases."""

    def __init__(self, name: str, said: Mapping[str, list[_Claim]]) -> None:
        self.name = name
        self._said = said

    def claims(self, case: Case) -> dict[str, str]:
        """Relation to ``reads`` or ``writes``."""
        claims: dict[str, str] = {}
        for relation, level in self._said.get(case.id, ()):
            if relation is not None and level != "none":
                claims[relation] = min(claims.get(relation, "none"), level, key=FROM_WORST.index)
        return claims


def installed_linters(chosen: Sequence[Case]) -> tuple[list[Linter], list[str]]:
    """Those that are here, and a sentence for each that is not."""
    found: list[Linter] = []
    absent: list[str] = []
    path = os.pathsep.join((os.environ.get("LOCKAGE_BENCH_TOOLS", ""), os.environ.get("PATH", "")))
    for name, how, run in (
        ("squawk", "pip install squawk-cli", _squawk),
        ("pgfence", "npm install @flvmnt/pgfence", _pgfence),
    ):
        program = shutil.which(name, path=path)
        if program is None:
            absent.append(f"{name} is not on the PATH, so it is not compared: {how}")
            continue
        with tempfile.TemporaryDirectory() as folder:
            files = {str(Path(folder) / f"{number}.sql"): case for number, case in enumerate(chosen, start=1)}
            for file, case in files.items():
                Path(file).write_text(case.text + "\n")
            found.append(Linter(name, run(program, files)))
    absent.append("eugene and Atlas' lock rules are in neither PyPI nor npm: not compared")
    return found, absent


def _run(command: list[str], files: Mapping[str, Case]) -> Any:
    if not files:
        return None
    done = subprocess.run([*command, *files], capture_output=True, text=True, timeout=300, check=False)
    return json.loads(done.stdout)


def _squawk(program: str, files: Mapping[str, Case]) -> dict[str, list[_Claim]]:
    said: dict[str, list[_Claim]] = {}
    for outside in (False, True):
        some = {file: case for file, case in files.items() if case.outside is outside}
        more = [] if outside else ["--assume-in-transaction"]
        for violation in _run([program, "--reporter", "Json", *more], some) or ():
            if violation["rule_name"] in {"require-statement-timeout", "prefer-robust-stmts"}:
                continue
            case = some[violation["file"]]
            words = f"{violation['message']} {violation.get('help') or ''}".lower()
            line = violation["line"] + 1
            statements = split_statements(case.text, file="case")
            statement = next((s for s in reversed(statements) if s.line <= line), None)
            if statement is not None:
                said.setdefault(case.id, []).append((_first_old(statement), _level(words)))
    return said


def _level(words: str) -> str:
    if re.search(r"blocking: reads|access exclusive|block\w* (?:all )?reads|reads and writes", words):
        return "reads"
    if re.search(r"block\w*:? writes|share row exclusive|updates are blocked|writes? (?:to|on|are) |share lock", words):
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


def _results(program: str, files: Mapping[str, Case]) -> list[Any]:
    """One file that it cannot parse, and it says nothing of any: without that one, then."""
    try:
        return (_run([program, "analyze", "--output", "json"], files) or {"results": []})["results"]
    except ValueError:
        half, names = len(files) // 2, list(files)
        if not half:
            return []
        parts = ({name: files[name] for name in some} for some in (names[:half], names[half:]))
        return [result for part in parts for result in _results(program, part)]


def _pgfence(program: str, files: Mapping[str, Case]) -> dict[str, list[_Claim]]:
    said: dict[str, list[_Claim]] = {}
    for result in _results(program, files):
        for check in result["checks"]:
            blocks = check.get("blocks") or {}
            table = str(check.get("tableName") or "").replace('"', "")
            table = _INDEXES.get(table, table)
            if table in _TABLES:
                level = "reads" if blocks.get("reads") else "writes" if blocks.get("writes") else "none"
                relation = table if "." in table else f"public.{table}"
                said.setdefault(files[result["filePath"]].id, []).append((relation, level))
    return said
