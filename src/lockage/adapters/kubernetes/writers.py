"""Who wrote an object's fields last: what ``managedFields`` says, in words.

Pure. The surprising thing: a manager stands there only while it still owns a field, so a Terraform that somebody has since
written over is not named any more; and what ``kubectl scale`` and autoscalers write, through a subresource, has no time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from lightkube.models.meta_v1 import ObjectMeta

from lockage.adapters.kubernetes.raw import ManagedFields

OURS = "lockage"
"""Our own field manager."""

REPLICAS = (("f:spec", "f:replicas"),)
TEMPLATE = (("f:spec", "f:template"), ("f:spec", "f:paused"))
"""What a Deployment is asked for, as far as a run changes or watches it."""


def entries_of(metadata: ObjectMeta) -> tuple[ManagedFields, ...]:
    """The entries of an object of a typed kind."""
    return msgspec.convert(msgspec.to_builtins(metadata.managedFields or []), type=tuple[ManagedFields, ...])


def last_writer(entries: Sequence[ManagedFields], fields: Iterable[Sequence[str]]) -> str | None:
    """``kubectl-edit at 16:40:02`` (UTC): the newest writer of one of these fields; of two at the same second not us.

    Whoever set a field through a subresource comes first: the entry has no time, and goes as soon as another sets it.
    """
    wanted = tuple(fields)
    writers = [e for e in entries if any(_owns(e.fieldsV1, path) for path in wanted)]
    if not writers:
        return None
    newest = max(writers, key=lambda e: (e.subresource != "", e.time.timestamp() if e.time else 0.0, e.manager != OURS))
    through = f" ({newest.subresource})" if newest.subresource else ""
    return f"{newest.manager}{through}" + (f" at {newest.time:%H:%M:%S}" if newest.time else "")


def owning(entries: Sequence[ManagedFields], path: Sequence[str]) -> tuple[str, ...]:
    """The managers that own a field now."""
    return tuple(dict.fromkeys(e.manager for e in entries if _owns(e.fieldsV1, path)))


def image_field(container: str) -> tuple[str, ...]:
    """Where a Deployment's container has its image, as ``fieldsV1`` spells it."""
    return ("f:spec", "f:template", "f:spec", "f:containers", f'k:{{"name":"{container}"}}', "f:image")


def _owns(fields: Mapping[str, Any], path: Sequence[str]) -> bool:
    inside: Any = fields
    for key in path:
        if not isinstance(inside, dict) or key not in inside:
            return False
        inside = inside[key]  # pyright: ignore[reportUnknownVariableType]
    return True
