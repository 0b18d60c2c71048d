"""What became of the running release's statements, with the place in the script where each failure begins.

Not for executing them (``adapters.postgres.old_statements``). The surprising thing: to find the places a second shadow is made,
and only where something breaks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lockage.core.forecast.compatibility import Break, Breaks, Compatibility, Place, Unchecked, verdict
from lockage.core.migration.script import Migration
from lockage.core.release.statements import RunningRelease
from lockage.errors import LockageError
from lockage.flows.locate_breaks import locate
from lockage.ports import Narrate, Shadow


def judged(
    release: RunningRelease,
    *,
    shadow: Shadow,
    script: Sequence[Migration],
    unchecked: Sequence[Unchecked],
    found: Breaks,
    prepare: Callable[[Shadow], object],
    narrate: Narrate,
) -> Compatibility:
    """The verdict; ``prepare`` brings a second shadow to where the script begins."""
    if not release.statements:
        return Compatibility(assumptions=release.remarks)
    places: dict[Break, Place] = {}
    if found.breaks:
        narrate(f"looking where {len(found.breaks)} failures of the running release begin")
        places = _places(shadow, found.breaks, script, prepare)
    return verdict(
        release,
        unchecked=(*unchecked, *found.unchecked),
        breaks=found.breaks,
        places=places,
        remarks=found.remarks,
    )


def _places(
    shadow: Shadow, breaks: Sequence[Break], script: Sequence[Migration], prepare: Callable[[Shadow], object]
) -> dict[Break, Place]:
    if sum(len(migration.statements()) for migration in script) == 1:
        # Where there is one statement only, nobody needs to look.
        only = next((m.file, m.statements()[0].line) for m in script if m.statements())
        return dict.fromkeys(breaks, Place(file=only[0], line=only[1]))
    try:
        return locate(shadow.twin, breaks, script, prepare=prepare)
    except LockageError:
        # That something breaks is known without it, and what is not found is said.
        return {}
