"""Which triggers a change of rows fires.

Not for what they do (``gaps``, ``indirect``) nor for how long that takes (``duration``). The surprising thing: an upsert is a
change of two kinds, and a trigger of either may fire.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from lockage.core.forecast.trace import Trigger
from lockage.core.migration.syntax import Change, ChangeKind

EVENTS: Mapping[ChangeKind, tuple[str, ...]] = {
    ChangeKind.INSERT: ("INSERT",),
    ChangeKind.UPDATE: ("UPDATE",),
    ChangeKind.DELETE: ("DELETE",),
    ChangeKind.MERGE: ("INSERT", "UPDATE", "DELETE"),
    ChangeKind.LOCK: (),
}
"""What a trigger calls each kind of change."""


def fires(trigger: Trigger, kind: ChangeKind, columns: Collection[str] = ()) -> bool:
    """Whether a change of that kind fires it; ``columns`` are those that an UPDATE assigns, (): perhaps any."""
    if not set(trigger.events) & set(EVENTS[kind]):
        return False
    narrow = kind is ChangeKind.UPDATE and trigger.columns and columns
    return not narrow or bool(set(columns) & set(trigger.columns))


def fired_by(trigger: Trigger, change: Change) -> bool:
    """The same of a change in a statement; an upsert may also change rows."""
    return fires(trigger, change.kind, change.columns) or (change.upserts and fires(trigger, ChangeKind.UPDATE, change.updates))
