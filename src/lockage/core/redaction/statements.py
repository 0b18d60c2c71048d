"""Literals of SQL statements, in a statement and in the lines of a log that quote one; the statement keeps its shape.

Not for parsing: statements come cut at a kilobyte, and in the middle of a line of a log. The surprising thing: a literal
becomes the same ``[value]`` wherever it stands, so that a running statement can still be found in the text of its migration.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lockage.core.redaction.finds import Find, Kind, lowered

_COMMENT = r"(?P<comment>--[^\n]*|/\*.*?(?:\*/|\Z))"
_IDENTIFIER = r'(?P<identifier>"(?:[^"\n]|"")*")'
_ESCAPED = r"(?P<escaped>\b[eE]'(?:[^'\\]|\\.|'')*(?:'|\Z))"
_LITERAL = r"(?P<literal>(?:\b[bBxXnN]|\b[uU]&)?'(?:[^']|'')*(?:'|\Z))"
_NUMBER = r"(?P<number>(?<![\w.$\"])\d{5,}(?:\.\d+)?(?![\w.]))"
# What is quoted in dollars is code, mostly: the same holds inside of it as outside. What has no blank and no sign is a value.
_DOLLARS = r"(?P<dollars>(?<![\w$])\$(?P<tag>[A-Za-z_]?\w{0,30})\$(?P<body>[^\s;'$]{1,400})\$(?P=tag)\$)"
_STATEMENT = re.compile("|".join((_COMMENT, _IDENTIFIER, _DOLLARS, _ESCAPED, _LITERAL, _NUMBER)), re.DOTALL)
# In a line of a log the statement itself may stand in double quotes.
_IN_A_LINE = re.compile("|".join((_DOLLARS, _ESCAPED, _LITERAL, _NUMBER)), re.DOTALL)

_PLAIN = re.compile(
    r"[\d.:+-]{0,12}|\d+(?:\.\d+)?\s*(?:us|ms|s|min|h|d|kB|MB|GB|seconds?|minutes?|hours?|days?)|t|f|true|false|on|off"
)
_SETTING = re.compile(
    r"(?i)(?:\A|;|\balter\s+(?:role|user|database|system)\b[^;]{0,80})\s*\bset\s+(?:local\s+|session\s+)?(?!password)[\w.]+\s*(?:=|to)\s*\Z"
    r"|\bset_config\s*\(\s*\Z"
)
_OF_OURS = re.compile(r"(?i)\bpg_\w+\s*\([^()]*\Z|\bpid\s*=\s*\Z|\boid\s*=\s*\Z")

_MARK = re.compile(r"\b(?:statement|query|sql|stmt|db\.statement|execute|prepare)\b")
_MARKED = re.compile(
    r"""(?ix) (?: (?:STATEMENT|QUERY|SQL|stmt|db\.statement) ["']? [ \t]* [:=] [ \t]* | (?:execute|prepare)[ ][^\s:]+:[ ]
        | SQL[ ]statement[ ]" )"""
)
_BEGINS = re.compile(
    r"""(?ix) \b (?: select\s[^;\n]{0,4000}?\s(?:from|where)\b | select\s+[\w.]+\( | select\s+E?' | insert\s+into\s
        | update\s+(?:only\s+)?[\w."]+\s+(?:(?:as\s+)?\w+\s+)?set\s | delete\s+from\s | merge\s+into\s | values\s*\(
        | where\s[^\n]{0,400}?(?:=|in|like|>|<)\s*\(?E?' | copy\s[\w."]+ | comment\s+on\s | call\s+[\w.]+\s*\(
        | (?:create|alter|drop)\s+(?:or\s+replace\s+)?(?:\w+\s+)?(?:table|index|user|role|type|function|procedure|trigger
          |view|server|subscription|database|domain|policy)\b
        | prepare\s+\w+ | execute\s+\w+\s*\( | do\s+(?:language\s+\w+\s+)?[$']
        | with\s+\w+\s+(?:\([^)]*\)\s*)?as\s )"""
)
_KEYWORD = re.compile(
    r"\b(?:select|insert|update|delete|merge|values|where|copy|comment|call|create|alter|drop|prepare|execute|do|with)\b"
)
_ENTRY_END = re.compile(r"\n(?!\t)")

_MESSAGES = tuple(
    (hint, re.compile(pattern, re.MULTILINE))
    for hint, pattern in (
        (
            "Key (",
            r"Key \((?:[^)\n]|\)(?!=))*\)=\((?:(?P<value>[^\n]*?)\)"
            r"(?= (?:already exists|is not present|is still referenced|is duplicated|conflicts))|(?P<rest>[^\n]*))",
        ),
        ("existing key (", r"existing key \((?:[^)\n]|\)(?!=))*\)=\((?P<value>[^\n]*)\)"),
        ("ailing row contains", r"ailing row contains \((?P<value>(?:[^\n)]|\)(?!\s*[.\"'\\]|\s*$))*)"),
        (" = '", r"(?<![\w$])\$\d+ = '(?P<value>(?:[^'\n]|'')*)"),
        ("COPY ", r"\bCOPY [^\n]{0,200}?, line \d+(?:, column [^:\n]{1,120})?: \\*\"(?P<value>[^\n]*?)(?=\\*\"[\s,}]|\\*\"?$)"),
        ("invalid input ", r"invalid input (?:syntax|value) for [^:\n]{1,120}: \\*\"(?P<value>[^\n]*?)(?=\\*\"(?:[\s,}]|$)|$)"),
        (" out of range", r"value \\*\"(?P<value>[^\"\n]*?)\\*\" is out of range"),
        (" out of range", r"date/time field value out of range: \\*\"(?P<value>[^\"\n]*)"),
        ("time zone", r"time zone \\*\"(?P<value>[^\"\n]*?)\\*\" not recognized"),
        ("JSON data", r"JSON data, line \d+: (?P<value>[^\n]+)"),
        ("Token ", r"Token \\*\"(?P<value>[^\"\n]*?)\\*\" is invalid"),
        ("$1", r"\$\d+\b[^\n\[]*?\[(?P<value>[^\n]+?)\](?=\s*(?:\\*\"|$))"),
        ("parameters: ", r"\[(?:cached )?parameters: (?P<value>[^\n]+?)\](?=$|\s|\\)"),
        ("[[", r"\[\[\\*\"\w+\\*\", (?P<value>[^\n]+?)\]\]"),
    )
)
"""What the server, and two well-known libraries, say of rows and parameters; a text without the hint needs no look."""

_ARGUMENTS = re.compile(
    r"(?i)\b(?:params|parameters|args|arguments|binds?|bindings|vars)\\*[\"']?\s*[=:]\s*(?P<value>[\[({][^\n]*[\])}])"
)


def statement_literals(text: str) -> Iterator[Find]:
    """Every literal of a text that is a statement or several, perhaps cut at its end."""
    yield from _literals(text, 0, len(text))


def quoted_statements(text: str) -> Iterator[Find]:
    """Every literal of statements that a text quotes, and what the server's own messages show of rows and parameters."""
    done = 0
    lower = lowered(text)
    marked = (found.end() for hit in _MARK.finditer(lower) if (found := _MARKED.match(text, hit.start())) is not None)
    begun = (hit.start() for hit in _KEYWORD.finditer(lower) if _BEGINS.match(text, hit.start()) is not None)
    for begin in sorted({*marked, *begun}):
        if begin < done:
            continue
        end = _ENTRY_END.search(text, begin)
        done = end.start() if end is not None else len(text)
        line = text.rfind("\n", 0, begin) + 1
        yield from _literals(text, begin, done, in_a_line=True)
        for found in _ARGUMENTS.finditer(text, line, done):
            yield Find(*found.span("value"), Kind.VALUE, found["value"])
    for hint, message in _MESSAGES:
        for found in message.finditer(text) if hint in text else ():
            group = found.lastgroup or "value"
            if found[group].strip():
                yield Find(*found.span(group), Kind.VALUE, found[group])


def _literals(text: str, start: int, end: int, *, in_a_line: bool = False) -> Iterator[Find]:
    for found in (_IN_A_LINE if in_a_line else _STATEMENT).finditer(text, start, end):
        match found.lastgroup:
            case "literal" | "escaped":
                yield from _literal(text, found, start)
            case "dollars" if not _PLAIN.fullmatch(found["body"]):
                yield Find(*found.span("body"), Kind.VALUE, found["body"])
            case "number" if _is_value(text, found, start, strict=in_a_line):
                yield Find(found.start(), found.end(), Kind.VALUE, found[0])
            case _:
                pass


def _literal(text: str, found: re.Match[str], start: int) -> Iterator[Find]:
    begin = found.start() + found[0].index("'") + 1
    closed = found[0].endswith("'") and found.end() > begin
    end = found.end() - 1 if closed else found.end()
    value = text[begin:end]
    if _PLAIN.fullmatch(value) or _SETTING.search(text, max(start, begin - 200), begin - 1):
        return
    yield Find(begin, end, Kind.VALUE, value)


def _is_value(text: str, found: re.Match[str], start: int, *, strict: bool) -> bool:
    """Whether a number is somebody's, and not a pid, an oid or the key of a lock; strictly so in a line of a log."""
    if _OF_OURS.search(text, max(start, found.start() - 80), found.start()):
        return False
    if not strict:
        return True
    before = text[start : found.start()].rstrip()
    return len(found[0]) >= 7 and before[-1:] in ("=", "(", ",", "<", ">")
