"""Which unique keys demand nothing that another demands already.

Not for finding keys (``strictness``). The surprising thing: a key over fewer rows or more columns is the weaker one, and so is
its making no new demand.
"""

from __future__ import annotations

import re
from typing import Protocol

_ALIKE = "nulls not distinct"


class Key(Protocol):
    """A unique key: its columns, whether over expressions, and what stands in its definition."""

    @property
    def columns(self) -> tuple[str, ...]: ...
    @property
    def computed(self) -> bool: ...
    @property
    def definition(self) -> str: ...


def is_implied_key(stronger: Key, weaker: Key) -> bool:
    """Whether rows that meet the first key meet the second: some of its columns, and for all rows that the second looks at."""
    if weaker.computed or stronger.computed or not set(stronger.columns) <= set(weaker.columns):
        return False
    if _ALIKE in weaker.definition and _ALIKE not in stronger.definition:
        return False
    condition = _condition(stronger)
    return not condition or condition in _parts(_condition(weaker))


def _condition(key: Key) -> str:
    return key.definition.removesuffix(_ALIKE).rstrip().partition("where ")[2]


def _parts(condition: str) -> list[str]:
    """The condition, and the conjuncts of one that is ``(a AND b)`` with nothing nested in them but whole parentheses."""
    inner = condition[1:-1] if condition.startswith("(") and condition.endswith(")") else ""
    parts = re.split(r" AND ", inner)
    balanced = all(part.count("(") == part.count(")") for part in parts) and " OR " not in inner
    return [condition, *(parts if balanced else [])]
