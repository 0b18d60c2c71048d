"""Which run of a deployment has not ended, by what stands on its object and, without that, by the journals of this machine.

Not for going on with it (``carry_out``). The surprising thing: objects win. A journal that says "part-way" counts for nothing
where no note of the run stands on the object, since somebody has put it back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from lockage.core.facts import Workload
from lockage.core.plan import steps as s
from lockage.core.run import read_notes
from lockage.ports import JournalEntry

CHANGES_NOTHING = frozenset(
    {"check-facts", "check-advisories", "prepare", "settle-foreign-sessions", "back-up", "note-former-state"}
)
"""Steps before and up to the note: a run that came no further, and left no note, has not touched the object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished:
    """A run that was begun and has not ended."""

    run_id: str
    plan: s.Plan
    hop: int
    begun: bool  # the hop has changed something


def unfinished_run(workload: Workload, runs: Sequence[tuple[str, Sequence[JournalEntry]]]) -> Unfinished | None:
    """The run to go on with; None when there is none.

    The note on the object decides. Without one, the newest of ``runs`` (oldest first) is gone on with in two cases only: it
    had changed nothing yet, or it was taking its note away. Otherwise somebody has put the object back, and objects win.
    """
    note = read_notes(workload).run
    if note is not None:
        return Unfinished(run_id=note.id, plan=note.plan, hop=note.hop, begun=True)
    run_id, entries = runs[-1] if runs else ("", ())
    plans = [e for e in entries if e.kind == "plan"]
    if not plans or any(e.kind == "ended" for e in entries):
        return None
    plan = msgspec.json.decode(plans[-1].data, type=s.Plan)
    begun = [(e.hop, e.step) for e in entries if e.kind == "step-begun"]
    if all(step in CHANGES_NOTHING for _, step in begun):
        return Unfinished(run_id=run_id, plan=plan, hop=0, begun=False)
    hop, step = begun[-1]
    if step == "restore" and workload.release == plan.to_release:
        return Unfinished(run_id=run_id, plan=plan, hop=hop, begun=True)
    return None
