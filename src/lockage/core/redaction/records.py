"""Records without their secrets: plain data, where a key's name says what its text is.

Not for texts (``redaction``). The surprising thing: lines of a log are masked together, because a key in PEM goes over several,
so a log may come back with fewer lines than it had.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final, TypeAlias, cast

from lockage.core.redaction.finds import Kind, looks_random
from lockage.core.redaction.known import MIN_LENGTH
from lockage.core.redaction.named import is_harmless, is_telling, kind_of_name
from lockage.core.redaction.redaction import Redaction

Data: TypeAlias = "str | int | float | bool | Mapping[str, Data] | Sequence[Data] | None"

STATEMENTS: Final = frozenset({"query", "statement", "statements", "sql", "last_query"})
"""Keys whose texts are SQL and nothing else."""

LINES: Final = frozenset({"lines", "server_log"})
"""Keys whose texts are the lines of one."""

_OPEN = re.compile(
    r"""(?ix) (?:true|false|yes|no|on|off|info|debug|warn(?:ing)?|error|trace|json|text|human|disable|allow|prefer|require
         |verify-ca|verify-full|utc|production|staging|development|test|release|http|https|tcp|grpc|default|auto|none)
        | \d{1,6} | \d+(?:\.\d+)?(?:ns|us|ms|s|m|h|d|Ki|Mi|Gi|Ti|k|M|G|T|B|kB|MB|GB|%)? | \$\(\w+\) | \{\w+\}
        | (?:https?|tcp)://[\w.-]+(?::\d+)?(?:/[\w./-]*)? | :\d{1,5} | (?:[\w-]+\.)*[\w-]+:\d{1,5} | /[\w./-]*
        | (?:\d{1,3}\.){3}\d{1,3} | [a-z][a-z0-9-]*(?:\.[a-z0-9-]+)*\.(?:svc|local|internal|cluster\.local)
        | [\w./-]+:v?\d[\w.+-]* | v?\d+\.\d+(?:\.\d+)*(?:[-+][\w.]+)?"""
)
"""Values of variables that are no secrets whatever they are called: switches, numbers, places, releases."""


ENVIRONMENT: Final = frozenset({"environment", "env"})
"""Keys whose mappings are variables by name."""


_OF_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]{2,}|/[\w./-]+")
"""Name of a variable, path of a mounted file: where a profile says that a password is."""


def is_open(value: str) -> bool:
    """Whether a variable's value is no secret whatever it is called."""
    return _OPEN.fullmatch(value) is not None


def masked_data(data: Data, redaction: Redaction, *, named: bool = True, statements: frozenset[str] = STATEMENTS) -> Data:
    """The data without its secrets.

    ``named`` False: it speaks of variables, so that ``password = "PGPASSWORD"`` is none. ``statements`` are keys of SQL.
    """
    return _Walk(redaction, named=named, statements=statements).masked(data, "")


def learn_data(data: Data, redaction: Redaction, *, named: bool = True, statements: frozenset[str] = STATEMENTS) -> None:
    """Keep in mind what is secret in the data; as ``masked_data``."""
    _Walk(redaction, named=named, statements=statements).learn(data, "")


class _Walk:
    def __init__(self, redaction: Redaction, *, named: bool, statements: frozenset[str]) -> None:
        self._redaction = redaction
        self._named = named
        self._statements = statements

    def masked(self, data: Data, key: str) -> Data:
        match data:
            case str():
                return self._text(data, key)
            case Mapping():
                return self._mapping(data, key)
            case Sequence():
                return self._sequence(data, key)
            case int() if self._named and is_telling(key) and len(str(data)) >= MIN_LENGTH and not isinstance(data, bool):
                return self._redaction.token(str(data), kind_of_name(key))  # a password of digits alone, in YAML
            case _:
                return data

    def _mapping(self, data: Mapping[str, Data], key: str) -> Mapping[str, Data]:
        if _is_variable(data):
            return {**data, "value": self._variable(str(data["name"]), str(data["value"]))}
        if self._is_environment(data, key):
            return {name: self._in_environment(name, value) for name, value in data.items()}
        return {self._redaction.text(name): self.masked(value, name) for name, value in data.items()}

    def _sequence(self, data: Sequence[Data], key: str) -> Sequence[Data]:
        if key in LINES and (lines := _lines(data)) is not None:
            return self._redaction.text("\n".join(lines)).split("\n") if lines else []
        hidden = frozenset(_after_flags(data))
        return [
            self._redaction.token(cast("str", one), Kind.SECRET) if index in hidden else self.masked(one, key)
            for index, one in enumerate(data)
        ]

    def learn(self, data: Data, key: str) -> None:
        match data:
            case str() if self._is_secret(key, data):
                self._know(data, kind_of_name(key), sure=True)
            case str():
                self._redaction.learn(data, statement=key in self._statements)
            case Mapping() if _is_variable(data):
                self._learn_variable(str(data["name"]), str(data["value"]))
            case Mapping():
                for name, value in data.items():
                    self._redaction.learn(name)
                    if isinstance(value, str) and self._is_environment(data, key):
                        self._learn_variable(name, value)
                    else:
                        self.learn(value, name)
            case Sequence():
                self._learn_each(data, key)
            case int() if self._named and is_telling(key) and not isinstance(data, bool):
                self._know(str(data), kind_of_name(key), sure=True)
            case _:
                pass

    def _learn_variable(self, name: str, value: str) -> None:
        self._redaction.learn(value)
        if not _OPEN.fullmatch(value):
            self._know(value, kind_of_name(name), sure=is_telling(name) and not is_harmless(value, name=name))

    def _learn_each(self, data: Sequence[Data], key: str) -> None:
        if key in LINES and (lines := _lines(data)) is not None:
            self._redaction.learn("\n".join(lines))
            return
        for index in _after_flags(data):
            self._know(cast("str", data[index]), Kind.SECRET, sure=True)
        for one in data:
            self.learn(one, key)

    def _text(self, text: str, key: str) -> str:
        if self._is_secret(key, text):
            return self._redaction.token(text, kind_of_name(key))
        return self._redaction.text(text, statement=key in self._statements)

    def _is_secret(self, key: str, text: str) -> bool:
        if not is_telling(key) or is_harmless(text, name=key):
            return False
        return self._named or _OF_VARIABLE.fullmatch(text) is None

    def _is_environment(self, data: Mapping[str, Data], key: str) -> bool:
        # A container's own are a list of objects with names, which comes by here, too.
        return self._named and key in ENVIRONMENT and "name" not in data

    def _in_environment(self, name: str, value: Data) -> Data:
        return self._variable(name, value) if isinstance(value, str) else self.masked(value, name)

    def _variable(self, name: str, value: str) -> str:
        """The value of a container's variable: nobody knows which of them are secret, so all go but the plainly open ones."""
        if is_telling(name) and not is_harmless(value, name=name):
            return self._redaction.token(value, kind_of_name(name))
        masked = self._redaction.text(value)
        return masked if masked != value or _OPEN.fullmatch(value) else self._redaction.token(value, Kind.SECRET)

    def _know(self, value: str, kind: Kind, *, sure: bool) -> None:
        if (sure and len(value) >= 4) or (looks_random(value) and any(map(str.isdigit, value)) and "://" not in value):
            self._redaction.know(value, kind)


def _is_variable(data: Mapping[str, Data]) -> bool:
    return set(data) == {"name", "value"} and isinstance(data["name"], str) and isinstance(data["value"], str)


def _lines(data: Sequence[Data]) -> list[str] | None:
    return [cast("str", one) for one in data] if all(isinstance(one, str) for one in data) else None


def _after_flags(data: Sequence[Data]) -> Iterator[int]:
    """Which words of a command line are the secret value of the flag before them."""
    for index, (flag, value) in enumerate(pairwise(data), start=1):
        if not (isinstance(flag, str) and isinstance(value, str) and flag.startswith("-")) or "=" in flag:
            continue
        if is_telling(flag) and not value.startswith("-") and not is_harmless(value, name=flag):
            yield index
