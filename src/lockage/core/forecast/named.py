"""Names that stand in values: what a parameter of type ``regclass``, ``regconfig`` and their like may name and is gone.

Not for names that stand in a statement's text, which executing finds. The surprising thing: ``nextval('numbers')`` comes from
``pg_stat_statements`` as ``nextval($1)``, so of such a call nobody knows which sequence it means; but a table it does not.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lockage.core.forecast.strictness import Strictness
from lockage.core.sqlstate import INVALID_SCHEMA_NAME, UNDEFINED_FUNCTION, UNDEFINED_OBJECT, UNDEFINED_TABLE

REGCLASS = 2205
"""Source: PostgreSQL 18, src/include/catalog/pg_type.dat, as the others."""

_KINDS = {
    2205: ("a relation", UNDEFINED_TABLE),
    3734: ("a text search configuration", UNDEFINED_OBJECT),
    3769: ("a text search dictionary", UNDEFINED_OBJECT),
    2206: ("a type", UNDEFINED_OBJECT),
    4089: ("a schema", INVALID_SCHEMA_NAME),
    24: ("a function", UNDEFINED_FUNCTION),
    2202: ("a function", UNDEFINED_FUNCTION),
}
"""Of each such type, by oid: what it names, and the failure where that is gone."""

_OF_SEQUENCES = r"\b(?:nextval|currval|setval|pg_sequence_last_value)\"?\s*\(\s*(?:cast\s*\(\s*)?\${number}\b"


@dataclass(frozen=True, slots=True, kw_only=True)
class LostName:
    """A failure that a parameter may meet, whose value names what is gone."""

    sqlstate: str
    sentence: str


def lost_name(text: str, types: Sequence[int], before: Strictness, after: Strictness) -> LostName | None:
    """What the parameters of a statement may name that nobody has any more; ``types`` are theirs, in order."""
    for number, oid in enumerate(types, start=1):
        if oid not in _KINDS:
            continue
        sequence = oid == REGCLASS and _names_sequence(text, number)
        names = _relations_gone(before, after, sequences=sequence) if oid == REGCLASS else _gone(oid, before, after)
        if names:
            what, sqlstate = _KINDS[oid]
            return LostName(
                sqlstate=sqlstate,
                sentence=f"a parameter names {'a sequence' if sequence else what}, and {', '.join(names)} is gone",
            )
    return None


def _names_sequence(text: str, number: int) -> bool:
    """Whether a parameter stands nowhere but where a sequence must be named."""
    places = len(re.findall(rf"\${number}\b", text))
    return places == len(re.findall(_OF_SEQUENCES.format(number=number), text, re.IGNORECASE))


def _relations_gone(before: Strictness, after: Strictness, *, sequences: bool) -> tuple[str, ...]:
    names = {table.name for table in after.tables.values()}
    return tuple(sorted(t.name for t in before.tables.values() if t.name not in names and (t.kind == "S" or not sequences)))


def _gone(oid: int, before: Strictness, after: Strictness) -> tuple[str, ...]:
    return tuple(sorted(before.names.get(oid, frozenset()) - after.names.get(oid, frozenset())))
