"""Relations in a forecast for people, named as PostgreSQL would quote them: ``public."Order Items"``.

Not for JSON, where a relation is its schema, a dot and its name, and nothing else, so that programs compare it. The surprising
thing: sentences name relations too, so they are looked through for names that need quotes, which few databases have. What was
written in SQL stays as it is. A dot in the name of a schema cannot be told from the one behind it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any, cast

from lockage.core.forecast.assess import Forecast
from lockage.core.forecast.checks.images import quoted

_NAMED = {"relation", "via", "first", "second", "ledger"}
"""Fields that hold a relation's name."""

_TOAST = "TOAST of "
"""What the timeline calls a TOAST table begins with, before the name of its table."""

_WRITTEN = {"statement", "query", "file", "last_file", "folder", "message"}
"""Fields that hold SQL, a path, or what a server said."""


def quoted_relation(name: str) -> str:
    """``schema.name`` as PostgreSQL's quote_ident would print it."""
    schema, dot, own = name.partition(".")
    return f"{quoted(schema)}.{quoted(own)}" if dot else name


def with_quoted_names(forecast: Forecast) -> Forecast:
    """The same forecast with names that need quotes in them, also in its sentences."""
    odd = {name: shown for name in set(_names(forecast)) if (shown := quoted_relation(name)) != name}
    if not odd:
        return forecast
    longest_first = sorted(odd, key=len, reverse=True)
    found = re.compile(r'(?<![\w".])(?:' + "|".join(map(re.escape, longest_first)) + r')(?![\w"])')
    return cast("Forecast", _changed(forecast, lambda text: found.sub(lambda match: odd[match[0]], text)))


def _names(record: Any) -> Iterator[str]:
    if isinstance(record, tuple):
        for each in cast("tuple[Any, ...]", record):
            yield from _names(each)
    elif is_dataclass(record):
        for field in fields(record):
            value: Any = getattr(record, field.name)
            if not isinstance(value, str):
                yield from _names(value)
            elif field.name in _NAMED:
                yield value.removeprefix(_TOAST)


def _changed(record: Any, change: Callable[[str], str]) -> Any:
    if type(record) is str:  # no word of ours, which are enumerations
        return change(record)
    if isinstance(record, tuple):
        return tuple(_changed(each, change) for each in cast("tuple[Any, ...]", record))
    if is_dataclass(record) and not isinstance(record, type):
        kept = ((field.name, getattr(record, field.name)) for field in fields(record) if field.init)
        return replace(record, **{name: _changed(value, change) for name, value in kept if name not in _WRITTEN})
    return record
