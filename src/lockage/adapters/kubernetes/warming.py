"""Everything that is ever read from an API server, made known to the decoder before several threads read at once.

Not for anything else. The surprising thing is why: msgspec learns a type when it first decodes it, and two threads that teach
it the same type at the same moment crash the process (msgspec 0.22.0: it keeps a type before it knows all of it).
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from lightkube.core.decoders import decode_list  # pyright: ignore[reportUnknownVariableType]
from lightkube.resources import apps_v1, core_v1

from lockage.adapters.kubernetes.objects import LISTS

LISTED = (apps_v1.Deployment, apps_v1.ReplicaSet, core_v1.Event, core_v1.Node, core_v1.Pod, core_v1.Service)
"""Kinds that are listed, or got one by one, by their typed models."""


def warm() -> None:
    """Teach the decoder; to be called by one thread, before others begin to read. Takes a hundredth of a second."""
    for kind in LISTED:
        decode_list(b'{"items": []}', kind)
    for record in (*_ours(msgspec.Struct), *LISTS):
        msgspec.json.Decoder(record)


def _ours(kind: type) -> Iterator[type]:
    """Our own records of what stands on a cluster."""
    for record in kind.__subclasses__():
        if record.__module__.startswith("lockage.adapters.") and not getattr(record, "__parameters__", ()):
            yield record
        yield from _ours(record)
