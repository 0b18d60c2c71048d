"""Events of Kubernetes as ours.

Pure, and not for judging: ``Killing`` is of kind Normal. The surprising thing: there are two shapes of them in one list. The
older has ``lastTimestamp`` and ``count``, the newer ``eventTime`` and perhaps a ``series``, and neither has the other's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from lightkube.models.core_v1 import ObjectReference
from lightkube.resources import core_v1

from lockage.adapters.kubernetes.texts import utc
from lockage.core.facts import Event


def events_of(found: Iterable[core_v1.Event], *, about: Callable[[ObjectReference], bool]) -> tuple[Event, ...]:
    """Events about what was asked for, oldest first; one that repeats has the time of its last occurrence."""
    ours = (event_of(event) for event in found if about(event.involvedObject))
    return tuple(sorted(ours, key=lambda event: event.at))


def event_of(event: core_v1.Event) -> Event:
    """Our record of one event."""
    about = event.involvedObject
    return Event(
        at=_last_seen(event),
        kind=event.type or "Normal",
        reason=event.reason or "",
        subject=f"{about.kind}/{about.name}",
        text=" ".join((event.message or "").split()),
        count=max(1, (event.series.count if event.series else event.count) or 1),
        first_at=utc(first) if (first := event.firstTimestamp or event.eventTime) is not None else None,
    )


def _last_seen(event: core_v1.Event) -> datetime:
    series = event.series.lastObservedTime if event.series else None
    times = (series, event.lastTimestamp, event.eventTime, event.firstTimestamp, event.metadata.creationTimestamp)
    return utc(next((at for at in times if at is not None), None))
