"""Secrets that neither shape nor ``name=value`` tells: in command lines, tags, lists, sentences and password files.

Not for what has a name right before it (``named``), nor for keys and tokens (``credentials``). The surprising thing: most of
these stand in logs because a script was traced (``set -x``) or a library printed its own configuration.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from lockage.core.redaction.finds import Find, Kind, looks_random
from lockage.core.redaction.named import is_harmless, is_telling, kind_of_name

_NEXT = r"(?:[ \t]*=[ \t]*|[ \t]+|[ \t]*\\\n[ \t]*|[\"'],[ \t]*[\"']|\x00)[\"']?"
"""Between an option and its value: in a line, over two lines, in a list of words, in /proc/PID/cmdline."""

_VALUE = r"(?P<value>[^\s\"'\x00\\]+)"

_BY_PLACE: tuple[tuple[str, Kind, re.Pattern[str]], ...] = tuple(
    (hint, kind, re.compile(pattern))
    for hint, kind, pattern in (
        ("curl", Kind.PASSWORD, rf"\bcurl\b[^\n]{{0,400}}?(?<![\w-])(?:-u|--user|-U|--proxy-user){_NEXT}[^\s:\"']*:{_VALUE}"),
        ("mysql", Kind.PASSWORD, rf"\bmysql(?:dump|admin)?\b[^\n]{{0,200}}?[\s\"']-p{_VALUE}"),
        ("mariadb", Kind.PASSWORD, rf"\bmariadb(?:-dump)?\b[^\n]{{0,200}}?[\s\"']-p{_VALUE}"),
        ("redis-cli", Kind.PASSWORD, rf"\bredis-cli\b[^\n]{{0,200}}?[\s\"']-a{_NEXT}{_VALUE}"),
        ("sshpass", Kind.PASSWORD, rf"\bsshpass\b[^\n]{{0,40}}?[\s\"']-p{_NEXT}{_VALUE}"),
        ("htpasswd", Kind.PASSWORD, rf"\bhtpasswd[ \t]+-\w*b\w*[ \t]+(?:\S+[ \t]+){{1,2}}{_VALUE}"),
        (
            " login",
            Kind.PASSWORD,
            rf"(?:docker|podman|helm registry|skopeo|oras)[ \t]+login\b[^\n]{{0,200}}?[ \t]-p{_NEXT}{_VALUE}",
        ),
        ("requirepass", Kind.PASSWORD, rf"\brequirepass{_NEXT}{_VALUE}"),
        ("masterauth", Kind.PASSWORD, rf"\bmasterauth{_NEXT}{_VALUE}"),
        ("radiussecrets", Kind.SECRET, r"\bradiussecrets[ \t]*=?[ \t]*\"(?P<value>[^\"\n]+)\""),
        (
            ":",
            Kind.PASSWORD,  # a line of a password file: host:port:database:user:password
            r"(?<![\w.:/-])(?:\*|[\w.-]+):(?:\*|\d{4,5}):(?:\*|[\w-]+):(?:\*|[A-Za-z_][\w-]*):(?P<value>[^\s:\"'\\,]{4,})",
        ),
        ("binding parameter", Kind.VALUE, r"binding parameter [^\n]{1,60}? (?:<-|-) \[(?P<value>[^\n]*)\]"),
        (
            "] ",
            Kind.VALUE,  # what SQLAlchemy echoes
            r"(?m)\[(?:generated in|cached since|no key|raw sql|caching disabled)[^\]\n]{0,60}\] "
            r"(?P<value>[({\[][^\n]*?[)}\]])(?=\\*\"|\s*$)",
        ),
    )
)
"""Hint, without which a text needs no look, kind, and where it stands."""

_OPTION = re.compile(rf"(?P<name>--?[A-Za-z][\w.-]*)(?:[ \t]*\\\n[ \t]*|[\"'],[ \t]*[\"']|\x00)[\"']?{_VALUE}")
_BROKEN = re.compile(rf"(?P<name>[\w.-]+)=\\\n[ \t]*{_VALUE}")
_TAG = re.compile(r"<(?P<name>[\w.:-]+)(?P<attributes>(?:\s[^<>]{0,200})?)>(?P<value>[^<>\n]+)</")
_KEY = re.compile(r"\b(?:key|name|id)\s*=\s*[\"'](?P<name>[\w.-]+)[\"']")
_LIST = re.compile(r"(?i)(?P<name>passwords|passwds|tokens|api_?keys)[\"']?\s*(?:=>|[:=])\s*\[(?P<value>[^\]\n{]*)\]")
_ITEM = re.compile(r"[\"'](?P<value>[^\"'\n]*)[\"']")
_BELOW = re.compile(
    r"(?m)^(?P<indent>[ \t]*)(?:- )?[\"']?(?P<name>[\w.-]+)[\"']?:[ \t]*\n(?P=indent)[ \t]+"
    r"[\"']?(?P<value>[^\s:#\"'-][^\s:\"']*)[\"']?[ \t]*$"
)
_SENTENCE = re.compile(
    r"(?i)\bpass(?:word|phrase|code)(?: (?:for|of)(?: the| your)?(?: \S+){1,2})? (?:is|was|has been)(?: now)?"
    r"(?: (?:set|reset|changed) to)?:? [\"'`]?(?P<value>[^\s\"'`]{6,})"
)

_BESIDE = re.compile(
    r"(?i)pass(?:word|wd|phrase|code)[\"']?(?:\.{3,}|[ \t]*(?:->|:?[ \t]*→|\|)[ \t]*|\t+| (?=\S+\)))"
    r"[\"']?(?P<value>[^\s\"'|);,]{4,})"
)
"""In tables, behind dots and arrows, and in brackets: ``(password …)``."""
_PAIR = re.compile(r"(?m)^[ \t]*\"[\w.-]+\"[ \t]+\"(?P<value>[^\"\n]{6,})\"[ \t]*$")
"""A line of PgBouncer's userlist.txt."""

_OF_SECRET = re.compile(r"(?m)^[ \t]*kind:[ \t]*Secret[ \t]*$|\"kind\"[ \t]*:[ \t]*\"Secret\"")
_DATA = re.compile(
    r"(?m)^(?P<indent>[ \t]*)(?:data|stringData):[ \t]*\n(?P<lines>(?:(?P=indent)[ \t]+\S[^\n]*(?:\n|\Z))+)"
    r"|\"(?:data|stringData)\"[ \t]*:[ \t]*\{(?P<fields>[^{}]*)\}"
)
_ENTRY = re.compile(r"[\w.\"-]+[ \t]*:[ \t]*[\"']?(?P<value>[^\s\"',]+)")


def told_values(text: str) -> Iterator[Find]:
    """Every such secret."""
    for hint, kind, pattern in _BY_PLACE:
        for found in pattern.finditer(text) if hint in text else ():
            value = found["value"]
            if value.strip() and not value.isdigit() and (kind is Kind.VALUE or not is_harmless(value)):
                yield _found(found, kind, telling=kind is not Kind.VALUE)
    for search, sign in _SEARCHES:
        if sign in text:
            yield from search(text)


def _found(found: re.Match[str], kind: Kind, *, telling: bool) -> Find:
    value = found["value"]
    return Find(*found.span("value"), kind, value, telling and looks_random(value))


def _by_name(found: re.Match[str], name: str) -> Iterator[Find]:
    if is_telling(name) and not is_harmless(found["value"], name=name):
        yield _found(found, kind_of_name(name), telling=True)


def _options(text: str) -> Iterator[Find]:
    for found in _OPTION.finditer(text):
        yield from _by_name(found, found["name"])


def _broken(text: str) -> Iterator[Find]:
    for found in _BROKEN.finditer(text):
        yield from _by_name(found, found["name"])


def _tags(text: str) -> Iterator[Find]:
    for found in _TAG.finditer(text):
        key = _KEY.search(found["attributes"])
        yield from _by_name(found, key["name"] if key is not None else found["name"])


def _lists(text: str) -> Iterator[Find]:
    for found in _LIST.finditer(text):
        for item in _ITEM.finditer(text, *found.span("value")):
            if not is_harmless(item["value"]):
                yield _found(item, kind_of_name(found["name"]), telling=True)


def _below(text: str) -> Iterator[Find]:
    for found in _BELOW.finditer(text):
        yield from _by_name(found, found["name"])


def _beside(text: str) -> Iterator[Find]:
    for pattern in (_BESIDE, _PAIR):
        for found in pattern.finditer(text):
            value = found["value"]
            # "| password | email |" and "password -> required" are words.
            if not (value.isalpha() and value.islower()) and looks_random(value) and not is_harmless(value):
                yield _found(found, Kind.PASSWORD, telling=True)


def _manifests(text: str) -> Iterator[Find]:
    """Everything that a Secret's manifest holds, whatever it is called there."""
    if _OF_SECRET.search(text) is None:
        return
    for data in _DATA.finditer(text):
        for entry in _ENTRY.finditer(text, *data.span("lines" if data["lines"] is not None else "fields")):
            if not is_harmless(entry["value"]):
                yield _found(entry, Kind.SECRET, telling=True)


def _sentences(text: str) -> Iterator[Find]:
    for found in _SENTENCE.finditer(text):
        start = found.start("value")
        value = found["value"].rstrip(".,;:)!")
        letters = value.isalpha() and (value.islower() or value.isupper() or value.istitle())
        # "the password is case-sensitive", "is required": words.
        if len(value) >= 6 and not letters and re.search(r"\d|[a-z][A-Z]", value) and not is_harmless(value):
            yield Find(start, start + len(value), Kind.PASSWORD, value, True)


_SEARCHES: tuple[tuple[Callable[[str], Iterator[Find]], str], ...] = (
    (_options, "-"),
    (_broken, "=\\\n"),
    (_tags, "</"),
    (_lists, "["),
    (_below, ":\n"),
    (_sentences, "ass"),
    (_beside, "ass"),
    (_beside, '" "'),
    (_manifests, "Secret"),
)
"""Ways to look, each with a sign without which a text needs none."""
