"""What an upgrade would change, object by object and field by field, in lines for people.

Not for deciding. The surprising thing: values are shown sparingly. What stands in a Secret never is, nor a variable of the
environment, since an address of a database with its password often stands in one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

from lockage.adapters.helm.manifest import Object, title

NOISE = ("helm.sh/chart", "app.kubernetes.io/version")
"""Labels that change with every version of a chart, on every object."""

LONGEST = 60
"""Characters of a value that are shown."""

HIDDEN_KINDS = frozenset({"Secret"})
HIDDEN_FIELDS = ("env.", "data.", "stringData.")


def changes(before: Sequence[Object], after: Sequence[Object]) -> tuple[str, ...]:
    """One line for each object that comes or goes and each field that changes; labels that follow the chart left out."""
    old, new = ({(thing.get("apiVersion"), title(thing)): thing for thing in side} for side in (before, after))
    return (
        *(f"{key[1]} goes" for key in old if key not in new),
        *(f"{key[1]} comes" for key in new if key not in old),
        *(line for key, thing in new.items() if key in old for line in _fields(key[1], old[key], thing)),
    )


def same(before: Sequence[Object], after: Sequence[Object]) -> bool:
    """Whether both are the same objects."""
    return sorted(map(repr, before)) == sorted(map(repr, after))


def _fields(name: str, before: Object, after: Object) -> Iterator[str]:
    old, new = dict(_flat(before)), dict(_flat(after))
    for path in dict.fromkeys((*old, *new)):
        if old.get(path) == new.get(path) or path.endswith(NOISE):
            continue
        shown = path.replace("spec.template.spec.containers.", "container ")
        hidden = name.partition("/")[0] in HIDDEN_KINDS or any(field in f"{path}." for field in HIDDEN_FIELDS)
        if hidden:
            yield f"{name}: {shown} changes"
        else:
            yield f"{name}: {shown} {_short(old.get(path, 'nothing'))} becomes {_short(new.get(path, 'nothing'))}"


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(value, dict) and value:
        for key, below in cast("dict[str, Any]", value).items():
            yield from _flat(below, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and value:
        for index, below in enumerate(cast("list[Any]", value)):
            named = cast("dict[str, Any]", below).get("name") if isinstance(below, dict) else None
            yield from _flat(below, f"{path}.{named or index}")
    else:
        yield path, value


def _short(value: object) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
