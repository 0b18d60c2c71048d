"""``$1`` where ``pg_stat_statements`` put it for a constant: finding it, typing it, and putting a literal back.

Not for SQL that parses as it stands (``statement``). The surprising thing: most of these need no literal. A parameter whose
type is declared resolves what the server could not (``ARRAY[$1]``, ``count($1)``); only where the grammar wants a constant
(``interval $1``, ``extract($1 from …)``) a literal must stand.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import postgast
from postgast import pg_query_pb2 as pg

from lockage.core.sqlstate import UNDEFINED_FUNCTION

SYNTAX_ERROR = "42601"

_OF_TYPES = frozenset(
    {SYNTAX_ERROR, UNDEFINED_FUNCTION, "42P18", "42P08", "42725", "42804", "42846", "42809", "42803", "42611"}
)
"""Source: PostgreSQL 18 manual, Appendix A."""

ATTEMPTS = 150
"""Texts tried for one statement at most. Each takes the server about 0.1 ms, and few statements need more than a dozen."""

TYPES = (
    "int4",
    "text",
    "bool",
    "timestamptz",
    "interval",
    "numeric",
    "uuid",
    "jsonb",
    "text[]",
    "int4[]",
    "uuid[]",
    "date",
    "bytea",
)
"""What constants are, the usual ones first."""

_NO_WORD = re.compile(r"(?:\s|;|--[^\n]*(?:\n|$)|/\*.*?\*/)*", re.DOTALL)

_BEFORE = (
    (re.compile(r"\binterval\s*(\(\s*\d\s*\))?\s*$", re.IGNORECASE), ("1 day", "1")),
    (re.compile(r"\bextract\s*\(\s*$", re.IGNORECASE), ("hour", "epoch", "day")),
    (
        re.compile(r"\b(date|timestamp|timestamptz)\s*(\(\s*\d\s*\)\s*)?(with(out)?\s+time\s+zone\s*)?$", re.IGNORECASE),
        ("2026-01-01",),
    ),
    (re.compile(r"\b(time|timetz)\s*(\(\s*\d\s*\)\s*)?(with(out)?\s+time\s+zone\s*)?$", re.IGNORECASE), ("12:00:00",)),
)
_ANY_LITERAL = ("1", "a", "2026-01-01", "t", "{}", "00000000-0000-0000-0000-000000000001", "127.0.0.1", "1 day", "epoch", "UTC")

_NAMED_TYPES = (
    re.compile(r"is of type (?P<type>.+?) but (?:expression|default expression) is of type"),
    re.compile(r"operator does not exist: (?P<type>.+?) \S+ .+$"),
    re.compile(r"operator does not exist: .+? \S+ (?P<type>.+)$"),
    re.compile(r"types? (?P<type>.+?) and .+? cannot be matched"),
    re.compile(r"types? .+? and (?P<type>.+?) cannot be matched"),
)
"""What the server's messages say of the type that it wanted. They are English on a shadow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placeholder:
    """One ``$n`` of a text, by characters."""

    number: int
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Objection:
    """Why the server could not prepare a text."""

    sqlstate: str
    message: str
    position: int = 0  # in characters, from 1; 0: it did not say


@dataclass(frozen=True, slots=True, kw_only=True)
class Typing:
    """A text with the declared types of its parameters."""

    text: str
    types: Mapping[int, str] = field(default_factory=dict[int, str])  # number to name


def split_loosely(text: str) -> tuple[str, ...]:
    """Statements of a text, also of those that no parser takes; comments and empty ones are left out."""
    try:
        parts = postgast.split(text, method="scanner")
    except postgast.PgQueryError:
        parts = text.split(";")
    words = (_NO_WORD.sub("", part, count=1) for part in parts)
    return tuple(word.rstrip().rstrip(";").rstrip() for word in words if word)


def placeholders(text: str) -> tuple[Placeholder, ...]:
    """Every ``$n`` outside of strings and comments, in order."""
    if "$" not in text:
        return ()
    try:
        tokens = postgast.scan(text).tokens
    except postgast.PgQueryError:
        return ()
    data = text.encode()
    found = [token for token in tokens if token.token == pg.PARAM]
    if len(data) == len(text):
        return tuple(Placeholder(number=int(text[t.start + 1 : t.end]), start=t.start, end=t.end) for t in found)
    places = [(len(data[: t.start].decode()), len(data[: t.end].decode())) for t in found]
    return tuple(Placeholder(number=int(text[start + 1 : end]), start=start, end=end) for start, end in places)


_OF_DRIVERS = re.compile(
    r"""(?P<kept>'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/|(?P<quote>\$\w*\$).*?(?P=quote)|\$\d+|::|%%)"""
    r"|%\((?P<percent>\w+)\)s|(?P<place>%s|\?(?:\d+)?(?![|&?]))|(?<![\w:\]])[:@](?P<name>[A-Za-z_]\w*)|__\[POSTCOMPILE_(?P<late>\w+)\]",
    re.DOTALL,
)
"""Placeholders of libraries that write PostgreSQL's own only when they send: Python's, JDBC's, of named parameters."""


def of_drivers(text: str) -> str | None:
    """The text with a library's own placeholders as ``$n``, for a text that does not parse; None where it has none."""
    numbers: dict[str, int] = {}

    def numbered(found: re.Match[str]) -> str:
        if found["kept"]:
            return "%" if found["kept"] == "%%" else found["kept"]
        name = found["percent"] or found["name"] or found["late"]
        place = found["place"]
        key = name or (place if place and place[1:].isdigit() else f"place {len(numbers)}")
        return f"${numbers.setdefault(key, len(numbers) + 1)}"

    changed = _OF_DRIVERS.sub(numbered, text)
    return changed if numbers else None


def typed(text: str, attempt: Callable[[Typing], Objection | None], *, more_types: Sequence[str] = ()) -> Typing | None:
    """What of ``text`` the server can prepare, which is what ``attempt`` asks; None where nothing helps.

    ``more_types`` are tried last: the database's own.
    """
    search = _Search(attempt, tuple(more_types))
    start = Typing(text=text)
    objection = attempt(start)
    if objection is None:
        return start
    return search.below(start, objection) if objection.sqlstate in _OF_TYPES else None


class _Search:
    """Goes on from whatever changes the server's objection, deeper first, and never to the same objection twice."""

    def __init__(self, attempt: Callable[[Typing], Objection | None], more_types: tuple[str, ...]) -> None:
        self._attempt = attempt
        self._more_types = more_types
        self._seen: set[tuple[str, str, int]] = set()
        self._left = ATTEMPTS

    def below(self, now: Typing, objection: Objection) -> Typing | None:
        """What the server takes, from here on."""
        self._seen.add(self._key(now, objection))
        others: list[tuple[Typing, Objection]] = []
        for trusted, candidates in self._candidates(now, objection):
            changed: list[tuple[Typing, Objection]] = []
            for candidate in candidates:
                if self._left == 0:
                    return None
                self._left -= 1
                answer = self._attempt(candidate)
                if answer is None:
                    return candidate
                if answer.sqlstate in _OF_TYPES and self._key(candidate, answer) not in self._seen:
                    changed.append((candidate, answer))
            further = [each for each in changed if trusted or _reached(each[1], each[0], now) > _reached(objection, now, now)]
            others += [each for each in changed if each not in further]
            if (found := self._deeper(further)) is not None:
                return found
        return self._deeper(others)

    def _deeper(self, changed: Iterable[tuple[Typing, Objection]]) -> Typing | None:
        for candidate, answer in changed:
            if self._key(candidate, answer) not in self._seen and (found := self.below(candidate, answer)) is not None:
                return found
        return None

    def _key(self, typing: Typing, objection: Objection) -> tuple[str, str, int]:
        # Literals move what stands behind them.
        return objection.sqlstate, objection.message, max(0, objection.position) and objection.position - len(typing.text)

    def _candidates(self, now: Typing, objection: Objection) -> Iterator[tuple[bool, Sequence[Typing]]]:
        """Attempts that belong together: what the server said it wanted (True), then whatever there is, for each parameter."""
        places = placeholders(now.text)
        at = objection.position - 1
        if objection.sqlstate == SYNTAX_ERROR:
            for place in places:
                if place.start == at:
                    yield from ((True, [_with_literal(now, place, literal)]) for literal in _literals(now.text, place))
            return
        nearest = sorted(places, key=lambda place: (abs(place.start - at), place.start))
        said = re.search(r"parameter \$(\d+)", objection.message)
        numbers = tuple(dict.fromkeys((*([int(said[1])] if said else ()), *(place.number for place in nearest))))
        wanted = dict.fromkeys(found["type"] for pattern in _NAMED_TYPES if (found := pattern.search(objection.message)))
        if objection.sqlstate == UNDEFINED_FUNCTION:
            # A parameter that nothing types counts as text, so that is what nobody wanted.
            wanted = {name: None for name in wanted if name not in {"text", "unknown"}}
        yield True, [_declared(now, number, name) for name in wanted for number in numbers if now.types.get(number) != name]
        types = (*TYPES, *self._more_types)
        for number in numbers:
            yield False, [_declared(now, number, name) for name in types if now.types.get(number) != name]


def _reached(objection: Objection, of: Typing, base: Typing) -> tuple[int, int]:
    """How far the server came: it objects to grammar first, then to the text, in its order, and to open types last."""
    said = re.search(r"parameter \$(\d+)", objection.message)
    if said:
        return 2, int(said[1])
    return int(objection.sqlstate != SYNTAX_ERROR), objection.position - (len(of.text) - len(base.text))


def _declared(now: Typing, number: int, name: str) -> Typing:
    return replace(now, types={**now.types, number: name})


def _literals(text: str, place: Placeholder) -> tuple[str, ...]:
    before = text[: place.start]
    return next((literals for pattern, literals in _BEFORE if pattern.search(before)), ()) + _ANY_LITERAL


def _with_literal(now: Typing, place: Placeholder, literal: str) -> Typing:
    # The number stays declared, because those behind it keep theirs.
    text = f"{now.text[: place.start]}'{literal}'{now.text[place.end :]}"
    return replace(now, text=text, types={**now.types, place.number: now.types.get(place.number, "text")})
