"""A schema dump without what is nobody's business: bodies of routines, options of servers, literals.

Not for restoring. The surprising thing: labels of an enum and names in ``nextval`` are literals too, and stay, because they are
the schema.
"""

from __future__ import annotations

import re

from lockage.core.redaction.redaction import Redaction

BODY = "[body]"

_DOLLARS = re.compile(r"(?P<tag>\$(?:[A-Za-z_]\w*)?\$)(?P<body>.*?)(?P=tag)", re.DOTALL)
_ATOMIC = re.compile(r"\bBEGIN ATOMIC\b.*?\n\s*END\s*;", re.DOTALL)
_QUOTED_BODY = re.compile(r"(?m)^(\s*AS )'(?:[^']|'')*'(?=\s*;|,\s*')")
_LITERAL = re.compile(r"(?:\b[eE])?'(?:[^'\\]|''|\\.)*'")
_NAME = re.compile(r"(?i)(?:nextval|setval|currval|set_config|regclass)\s*\(\s*\Z|\bset \w+ = \Z|search_path TO [^;]*\Z")
_CAST_TO_NAME = re.compile(r"\s*::\s*(?:pg_catalog\.)?reg")
_PLAIN = re.compile(r"'[\w .:+-]{0,2}'|'\d+(?:\.\d+)?'|'(?:true|false|on|off|UTF8|utf8|read_write|always|never|none)'")


def masked_schema(dump: str, redaction: Redaction) -> str:
    """The dump with ``[body]`` for each routine's body, and without literals and secrets."""
    dump = _ATOMIC.sub(f"BEGIN ATOMIC {BODY} END;", dump)
    dump = _DOLLARS.sub(lambda found: f"{found['tag']}{BODY}{found['tag']}", dump)
    dump = _QUOTED_BODY.sub(rf"\1'{BODY}'", dump)
    return redaction.schema("".join(_statement(statement) for statement in re.split(r"(?<=;)(?=\n)", dump)))


def _statement(text: str) -> str:
    if re.match(r"\s*(?:--[^\n]*\n\s*)*CREATE TYPE [^;]* AS ENUM", text):
        return text
    return _LITERAL.sub(lambda found: _literal(text, found), text)


def _literal(text: str, found: re.Match[str]) -> str:
    before = text[max(0, found.start() - 120) : found.start()]
    if _PLAIN.fullmatch(found[0]) or _NAME.search(before) or _CAST_TO_NAME.match(text, found.end()) or BODY in found[0]:
        return found[0]
    return "'[value]'"
