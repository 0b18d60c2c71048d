"""Sends many statements one after the other, and keeps the plans of some.

Not for reading what they held (``traced``). The surprising thing: they are not sent as one text. A server that reports plans
reports the whole text with each, so a thousand statements in one would be a thousand times as long as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from lockage.adapters.postgres.exchange import Outcome

_UNPLANNED = "SET LOCAL auto_explain.log_min_duration = -1"
_PLANNED = "SET LOCAL auto_explain.log_min_duration = 0"


def send_many(texts: Sequence[str], *, planned: Collection[int], send: Callable[[str], Outcome]) -> tuple[Outcome, int]:
    """What came of the last that was sent in the open transaction, and how many ended well before one that failed.

    A failure leaves the transaction aborted, and plans are reported again behind the rollback.
    """
    outcome, reported = Outcome(), True
    for place, text in enumerate(texts):
        if (place in planned) != reported:
            reported = not reported
            send(_PLANNED if reported else _UNPLANNED)
        outcome = send(text)
        if outcome.failure is not None:
            return outcome, place
    if not reported:
        send(_PLANNED)
    return outcome, len(texts)
