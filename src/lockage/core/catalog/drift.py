"""Where a catalog differs from the one that it should be: a sentence for each difference, and the SQL that ends it.

Not for reading catalogs, nor for executing what it gives. The surprising thing: an index or constraint that only bears another
name is no missing one beside an extra one; it is found by what it does, and said to be renamed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import msgspec

from lockage.core.catalog import repair
from lockage.core.catalog.objects import KINDS, Catalog, CatalogObject, Key

Manner = Literal["missing", "extra", "different", "renamed"]


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """One difference."""

    manner: Manner
    kind: str
    name: str
    relation: str | None
    text: str  # one sentence: "column email of public.users is missing (text, not null)"
    repair: tuple[str, ...]  # statements in order; empty where no statement does it
    destructive: bool = False  # whether the repair ends something that holds data or that somebody may have made on purpose
    # Whether it breaks what a release relies on. Not so: an object beside the application's, or a text that two majors may
    # print in two ways.
    harmful: bool = True


def drifts(expected: Catalog, actual: Catalog, *, same_major: bool = True) -> tuple[Drift, ...]:
    """Every difference, in an order in which the repairs can be made; empty where there is none.

    ``same_major``: both were printed by one major version of PostgreSQL; otherwise a text that differs is no proof.
    """
    renames = _renames(expected, actual)
    found: list[Drift] = []
    for old, new in renames.items():
        found.append(_renamed(expected[new], actual[old]))
        found += _differences(expected[new], actual[old], same_major=same_major)
    for key in _ordered(expected.keys() - actual.keys() - set(renames.values())):
        if not _with_its_relation(key, expected, actual):
            found.append(_missing(expected[key], expected))
    for key in _ordered(expected.keys() & actual.keys()):
        found += _differences(expected[key], actual[key], same_major=same_major)
    for key in reversed(_ordered(actual.keys() - expected.keys() - renames.keys())):
        if not _with_its_relation(key, actual, expected):
            found.append(_extra(actual[key], expected))
    return tuple(found)


def _ordered(keys: Iterable[Key]) -> list[Key]:
    return sorted(keys, key=lambda key: (KINDS.index(key.kind), key.relation or "", key.name))


def _with_its_relation(key: Key, here: Catalog, there: Catalog) -> bool:
    """Whether it is a part of a table that as a whole is not on the other side."""
    if key.kind in ("table", "view") or key.relation is None:
        return False
    table = Key(kind="table", name=key.relation, relation=key.relation)
    return table in here and table not in there


# --- names ------------------------------------------------------------------------------------------------------------


def _renames(expected: Catalog, actual: Catalog) -> dict[Key, Key]:
    """Indexes and constraints that are there under another name: actual key to expected key."""
    wanting: dict[tuple[str, str | None, str], Key] = {}
    for key in _ordered(expected.keys() - actual.keys()):
        if (what := _what_it_does(expected[key])) is not None:
            wanting.setdefault(what, key)
    found: dict[Key, Key] = {}
    for key in _ordered(actual.keys() - expected.keys()):
        what = _what_it_does(actual[key])
        if what is not None and what in wanting:
            found[key] = wanting.pop(what)
    return found


def _what_it_does(one: CatalogObject) -> tuple[str, str | None, str] | None:
    key = one.key
    if key.kind == "constraint":
        return key.kind, key.relation, one.traits["definition"]
    if key.kind == "index":
        return key.kind, key.relation, re.sub(r"^(CREATE (?:UNIQUE )?INDEX) .*? ON ", r"\1 ON ", one.traits["definition"])
    return None


def _renamed(expected: CatalogObject, actual: CatalogObject) -> Drift:
    return _drift(
        "renamed",
        actual.key,
        f"{actual.key} should be called {expected.key.name}",
        (repair.rename(actual.key, expected.key),),
        harmful=False,  # nothing but a later migration that names it would notice
    )


# --- one object -------------------------------------------------------------------------------------------------------


def _missing(one: CatalogObject, expected: Catalog) -> Drift:
    return _drift("missing", one.key, f"{one.key} is missing{_described(one)}", repair.make(one, expected))


def _extra(one: CatalogObject, expected: Catalog) -> Drift:
    key = one.key
    if key.kind == "index" and one.traits.get("validity") == "invalid":
        text = f"{key} on {key.relation} is invalid, and no migration makes it: left behind by a build that failed"
        return _drift("extra", key, text, repair.drop(one), harmful=True)
    return _drift(
        "extra",
        key,
        f"{key}{f' on {key.relation}' if key.kind == 'index' else ''} is there, and no migration makes it",
        repair.drop(one),
        destructive=key.kind in ("table", "column", "schema", "view", "sequence", "function", "enum"),
        harmful=_harms(one, expected),
    )


def _harms(one: CatalogObject, expected: Catalog) -> bool:
    """Whether something that nobody's migration made changes what the application's own tables do."""
    key = one.key
    if key.relation is None or key.kind in ("table", "view"):
        return False
    if Key(kind="table", name=key.relation, relation=key.relation) not in expected:
        return False
    return key.kind != "index" or "unique" in one.traits


def _described(one: CatalogObject) -> str:
    traits = one.traits
    match one.key.kind:
        case "column":
            said = [traits["type"], traits["nullability"]]
            return f" ({', '.join(said)})"
        case "constraint":
            return f" ({traits['definition']})"
        case _:
            return ""


_PRINTED = frozenset({"definition", "default", "generated", "query", "header"})
"""Traits that PostgreSQL prints from a tree: two majors may print one tree in two ways."""


def _differences(expected: CatalogObject, actual: CatalogObject, *, same_major: bool) -> Iterator[Drift]:
    if expected.key.kind == "enum":
        yield from _enum_differences(expected, actual)
    for trait in sorted(expected.traits.keys() | actual.traits.keys()):
        wanted, there = expected.traits.get(trait), actual.traits.get(trait)
        if trait == "definition":
            wanted, there = _nameless(expected), _nameless(actual)
        if wanted == there or (trait == "unique" and expected.key.kind == "index"):
            continue
        sure = same_major or trait not in _PRINTED
        unsure = "" if sure else "; two majors may print the same thing in two ways"
        yield _drift(
            "different",
            actual.key,
            f"{_difference(actual.key, trait, wanted, there)}{unsure}",
            repair.change(expected, actual, trait) if sure else (),
            harmful=sure,
        )


def _nameless(one: CatalogObject) -> str:
    what = _what_it_does(one)
    return what[2] if what is not None else one.traits.get("definition", "")


def _difference(key: Key, trait: str, wanted: str | None, there: str | None) -> str:  # noqa: PLR0911 - an arm a sentence
    match key.kind, trait:
        case "index", "validity":
            return f"{key} on {key.relation} is {there}"
        case "constraint", "validity":
            return f"{key} is {there}"
        case "trigger", "state":
            return f"{key} is {there}, expected {wanted}"
        case "column", "nullability":
            return f"{key} is {there}, expected {wanted}"
        case "function", "body" | "header":
            return f"{key} has another {trait} than its migration gives it"
        case "view", "query":
            return f"{key} asks something else than its migration says"
        case _:
            return f"{key} has the {trait} {there or '(none)'}, expected {wanted or '(none)'}"


def _enum_differences(expected: CatalogObject, actual: CatalogObject) -> Iterator[Drift]:
    # The order is left out: a value that was added by hand stands at the end, and hardly anything compares by it.
    for index, value in enumerate(expected.values):
        if value not in actual.values:
            before: Sequence[str] = [v for v in expected.values[:index] if v in actual.values]
            statement = repair.add_value(expected.key, value, after=before[-1] if before else None)
            yield _drift("missing", actual.key, f"{actual.key} lacks the value {value!r}", (statement,))
    for value in actual.values:
        if value not in expected.values:
            yield _drift(
                "extra", actual.key, f"{actual.key} has the value {value!r}, which no migration adds", (), harmful=False
            )


def _drift(
    manner: Manner, key: Key, text: str, statements: tuple[str, ...], *, destructive: bool = False, harmful: bool = True
) -> Drift:
    return Drift(
        manner=manner,
        kind=key.kind,
        name=key.name,
        relation=key.relation,
        text=text,
        repair=statements,
        destructive=destructive,
        harmful=harmful,
    )
