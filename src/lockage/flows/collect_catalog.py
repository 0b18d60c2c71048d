"""The catalog against the one that a clean run of the migrations makes, for a diagnosis; made beside ``collect``.

Not for repairing it (``verify`` prints the SQL). The surprising thing: it takes longer than everything else together. So it is
begun before the rest, has a time and a session of its own, and is waited for behind the rest. What was found until its time is
over is thrown away: half a clean run would call the other half drift.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lockage.core.diagnosis.evidence import Missing
from lockage.core.diagnosis.findings import Case
from lockage.core.redaction import mask_secrets
from lockage.flows.drift import Compared, Comparison, compare_catalog
from lockage.flows.looks import Answer, Looks
from lockage.ports import Narrate, Shadows

if TYPE_CHECKING:
    from lockage.flows.collect import Witnesses

SOURCE = "the schema beside the one that a clean run makes"
"""Not "the catalog": whoever looks for logs among what is missing finds one in that word."""


class CatalogLook:
    """The comparison, in a thread of its own."""

    def __init__(self, witnesses: Witnesses, shadows: Shadows) -> None:
        """``shadows`` makes the server of the clean run."""
        self._witnesses = witnesses
        self._shadows = shadows
        self._limit_s = witnesses.settings.collecting.catalog_s
        self._doing = "finding the database"
        self._ended = False
        self._answer = Answer(SOURCE, self._compare, limit_s=self._limit_s)
        self._looks = Looks(clock=witnesses.clock, limit_s=self._limit_s, look_s=self._limit_s)

    def begin(self) -> None:
        """Begin it; its time runs from now."""
        self._looks.ask(self._answer)

    def added_to(self, case: Case, say: Narrate = lambda _: None) -> Case:
        """The case with what differs, or with why that is not known; waits for it. ``say`` gets how far it is."""
        self._looks.wait(lambda _: say(self._doing))
        evidence, compared = case.evidence, self._answer.value
        why = self._why_not(compared)
        if compared is None or why is not None:
            missing = Missing(source=SOURCE, why=why or "nobody knows why")
            return replace(case, evidence=replace(evidence, missing=(*evidence.missing, missing)))
        texts = tuple(mask_secrets(drift.text) for drift in compared.drifts if drift.harmful)
        return replace(case, evidence=replace(evidence, database=replace(evidence.database, drift=texts)))

    def _why_not(self, compared: Comparison | None) -> str | None:
        if compared is None:
            far = "" if self._ended else f" ({self._doing}); lockage verify --catalog takes the time that it needs"
            return f"{self._answer.why}{far}"
        unread = next(
            (one.why for one in self._witnesses.unseen if not self._witnesses.script and "migrations" in one.source), None
        )
        return unread if compared.why_not is not None and unread is not None else compared.why_not

    # --- in the thread ------------------------------------------------------------------------------------------------

    def _compare(self) -> Comparison:
        try:
            return self._with_a_session()
        finally:
            self._ended = True

    def _with_a_session(self) -> Comparison:
        reached = self._witnesses.reach()
        try:
            of = Compared(
                database=reached.database,
                profile=reached.profile or self._witnesses.profile,
                migrations=self._witnesses.script,
            )
            return compare_catalog(of, self._shadows, asked=True, narrate=self._go_on)
        finally:
            reached.database.close()
            reached.close_closer()
            reached.close_way()

    def _go_on(self, doing: str) -> None:
        self._doing = doing
        if self._looks.over:
            raise _GivenUpError(doing)


class _GivenUpError(Exception):
    """Nobody waits any more; what is open closes."""
