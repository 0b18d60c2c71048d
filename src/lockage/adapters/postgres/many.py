"""Sends many statements one after the other, and keeps the plans of some.

Not for reading what they held (``traced``). The surprising thing: they are not sent as one text. A server that reports plans
reports the whole text with each, so a thousand statements in one would be a thousand times as long as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from lockage.adapters.postgres.exchange import Outcome
from lockage.adapters.postgres.plans import PLANS_OFF, PLANS_ON


def send_many(
    texts: Sequence[str], *, planned: Collection[int], send: Callable[[str], Outcome], may_switch: bool = True
) -> tuple[Outcome, int]:
    """What came of the last that was sent in the open transaction, and how many ended well before one that failed.

    Without the right to switch plans off (``may_switch``) those of all are kept. A failure leaves the transaction aborted, and
    plans are reported again behind the rollback.
    """
    outcome, reported = Outcome(), True
    for place, text in enumerate(texts):
        if may_switch and (place in planned) != reported:
            reported = not reported
            send(PLANS_ON if reported else PLANS_OFF)
        outcome = send(text)
        if outcome.failure is not None:
            return outcome, place
    if not reported:
        send(PLANS_ON)
    return outcome, len(texts)
