"""Migrations that their application fills in as Go templates before it sends them: ``{{.prefix}}``, ``{{if .postgres}}``.

Not for whole Go templates: no loops and no functions of an application's own. The surprising thing: ``{{.Name}}`` may as
well be text that a migration inserts, so what has no value stays as it is and matters only where the text is then no SQL.

Source: Go, text/template, "Actions"; ory/pop, ``{{ index .Options "name" }}``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from lockage.core.migration.formats.format import Content, SourceFile, Unset

DATABASES: Mapping[str, str] = {
    "postgres": "true",
    "postgresql": "true",
    "mysql": "",
    "mariadb": "",
    "sqlite": "",
    "sqlite3": "",
    "cockroach": "",
}
"""Conditions that ask for the database: here it is PostgreSQL."""

_ACTION = re.compile(r"\{\{(?:-(?=\s))?\s*(?P<said>/\*.*?\*/|(?:\"[^\"\n]*\"|[^\"{}])*?)\s*(?:(?<=\s)-)?\}\}", re.DOTALL)
_VARIABLE = re.compile(r"^(?:\$?\.(?P<field>[A-Za-z_][\w.]*)|index\s+\$?\.[A-Za-z_]\w*\s+\"(?P<key>[^\"]+)\")$")
_CONDITION = re.compile(r"\(|\)|\$?\.[A-Za-z_][\w.]*|\b(?:not|and|or)\b|\S+?")
_BLOCKS = frozenset({"if", "range", "with", "block", "define"})


@dataclass(slots=True)
class _Block:
    """An open ``{{if}}``: which branch counts, and whether one has counted already; None: nobody can say."""

    counts: bool | None
    done: bool = False


@dataclass(slots=True)
class _Filling:
    values: Mapping[str, str]
    kept: list[str] = field(default_factory=list[str])
    unset: list[Unset] = field(default_factory=list[Unset])
    blocks: list[_Block] = field(default_factory=list[_Block])


def filled(file: SourceFile) -> Content:
    """The text with its template filled in, on the lines it had; actions without a value stay, and are ``maybe_unset``."""
    if "{{" not in file.text:
        return Content(text=file.text)
    text = file.text
    filling = _Filling(values=file.values)
    line, start = 1, 0
    for action in _ACTION.finditer(text):
        _keep(filling, text[start : action.start()])
        line += text.count("\n", start, action.start())
        _act(filling, action, line=line)
        line += action[0].count("\n")
        start = action.end()
    _keep(filling, text[start:])
    return Content(text="".join(filling.kept), maybe_unset=tuple(filling.unset))


def _keep(filling: _Filling, text: str) -> None:
    """What is in a branch that does not count leaves its lines only."""
    counts = all(block.counts is not False for block in filling.blocks)
    filling.kept.append(text if counts else "\n" * text.count("\n"))


def _act(filling: _Filling, action: re.Match[str], *, line: int) -> None:
    said = action["said"]
    word, _, rest = said.partition(" ")
    if said.startswith("/*"):
        _keep(filling, "\n" * action[0].count("\n"))
    elif word in _BLOCKS:
        truth = _truth(rest, filling.values) if word == "if" else None
        filling.blocks.append(_Block(counts=truth, done=bool(truth)))
        _unknown(filling, action, line=line, known=truth is not None)
    elif word in {"else", "end"} and filling.blocks:
        block = filling.blocks[-1] if word == "else" else filling.blocks.pop()
        known = block.counts is not None
        if word == "else" and known:
            truth = _truth(rest.removeprefix("if").strip(), filling.values) if rest else True
            block.counts = None if truth is None else truth and not block.done
            block.done |= bool(truth)
            known = truth is not None
        _unknown(filling, action, line=line, known=known)
    else:
        variable = _VARIABLE.match(said)
        value = filling.values.get(variable["field"] or variable["key"]) if variable else None
        if value is None:
            _unknown(filling, action, line=line, known=False)
        else:
            _keep(filling, value)


def _unknown(filling: _Filling, action: re.Match[str], *, line: int, known: bool) -> None:
    """An action whose meaning is not known stays where it is, and its names are noted."""
    if known:
        return
    if all(block.counts is not False for block in filling.blocks):
        names = [name for name in _names(action["said"]) if name not in filling.values and name not in DATABASES]
        filling.unset += [Unset(name=name, line=line) for name in names] or [Unset(name="", line=line)]
    _keep(filling, action[0])


def _names(said: str) -> Iterator[str]:
    variable = _VARIABLE.match(said)
    if variable:
        yield variable["field"] or variable["key"]
    elif said.startswith(("if ", "else if ")):
        yield from (word.lstrip("$.") for word in _CONDITION.findall(said) if word.startswith((".", "$.")))


def _truth(condition: str, values: Mapping[str, str]) -> bool | None:
    """What an ``if`` comes to; None where it needs a value that nobody gave, or is more than fields and not, and, or."""
    words = _CONDITION.findall(condition)
    return _term(words, values) if words and "".join(words) == "".join(condition.split()) else None


def _term(words: list[str], values: Mapping[str, str]) -> bool | None:
    terms: list[bool | None] = []
    how = words.pop(0) if words and words[0] in {"not", "and", "or"} else ""
    while words and words[0] != ")":
        word = words.pop(0)
        if word == "(":
            terms.append(_term(words, values))
            if not words or words.pop(0) != ")":
                return None
        elif word.startswith((".", "$.")):
            value = values.get(word.lstrip("$."), DATABASES.get(word.lstrip("$.").lower()))
            terms.append(None if value is None else value.lower() not in {"", "0", "false"})
        else:
            return None
    if not terms or (how not in {"and", "or"} and len(terms) != 1):
        return None
    return _joined(how, terms)


def _joined(how: str, terms: list[bool | None]) -> bool | None:
    """``and`` is false, and ``or`` is true, as soon as one term is, whatever the others are."""
    match how:
        case "and":
            return False if False in terms else None if None in terms else True
        case "or":
            return True if True in terms else None if None in terms else False
        case _:
            return None if terms[0] is None else terms[0] is not (how == "not")
