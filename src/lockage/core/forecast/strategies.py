"""What each strategy costs users: seconds without reads and without writes, and statements that fail or wait.

Not for whether a strategy is possible or worth its risk (``core.plan.strategy``), which reckons with these very figures. The
surprising thing: whoever only writes waits longer than a relation's worst level tells. An index is built for a minute while
writers wait, and the ``ALTER`` behind it stops readers for a millisecond.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import groupby

from lockage.core.forecast.assess import Blocks, Forecast, RelationForecast, Seconds, Stretch
from lockage.core.forecast.seconds import added, longest, rounded, shorter, times, total, unbounded


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Seconds that replacing replicas takes beside the migration."""

    termination: Seconds  # from asking the old replicas to stop until the last is gone; high: the grace period
    start: Seconds  # from asking for a new one until its process runs
    boot: Seconds  # from there to ready, with nothing to migrate


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """What users go without."""

    without_reads_s: Seconds
    without_writes_s: Seconds  # changes of rows that the script changes too among them

    @property
    def unavailable_s(self) -> Seconds:
        """Without service: the longer of the two."""
        return longest(self.without_reads_s, self.without_writes_s)

    def longer(self, seconds: Seconds) -> Outage:
        """The same with seconds added in which there is nothing at all."""
        return Outage(
            without_reads_s=added(self.without_reads_s, seconds), without_writes_s=added(self.without_writes_s, seconds)
        )


def used_relations(forecast: Forecast, ledger: str | None) -> tuple[RelationForecast, ...]:
    """Relations whose users the script makes wait, longest first; not the migrator's ledger, which nobody else uses."""
    found = [relation for relation in forecast.relations if relation.blocks is not Blocks.NONE and relation.relation != ledger]
    return tuple(sorted(found, key=lambda relation: (-without_writes_s(relation).likely, relation.relation)))


def without_writes_s(relation: RelationForecast, *, of_any_row: bool = False) -> Seconds:
    """How long some writer of the relation waits; never shorter than ``blocked_s``, which counts its worst level alone.

    ``of_any_row``: not only who writes rows that the script changes or locks.
    """
    milder = {Blocks.NONE, Blocks.ROWS} if of_any_row else {Blocks.NONE}
    lasting = total(stretch.lasts_s for stretch in relation.stretches if stretch.blocks not in milder)
    return longest(relation.blocked_s, lasting)


def blocked(forecast: Forecast, ledger: str | None) -> Outage:
    """How long users of any relation wait: within one transaction all at once, over several one after the other.

    As long as the whole of a script that nobody has seen.
    """
    if not forecast.script.known:
        return Outage(without_reads_s=forecast.total_s, without_writes_s=forecast.total_s)
    used = used_relations(forecast, ledger)
    readers = tuple(relation for relation in used if relation.blocks is Blocks.READS)
    return Outage(
        without_reads_s=_together(forecast, readers, lambda r: r.blocked_s, lambda s: s.blocks is Blocks.READS),
        without_writes_s=_together(forecast, used, without_writes_s, lambda s: s.blocks is not Blocks.NONE),
    )


def outage_of_rolling(blocked: Outage, timing: Timing, *, breaks: bool, waves: int | None) -> Outage:
    """Of replicas replaced a few at a time; ``breaks``: old ones answer with errors from the commit until they are replaced.

    ``waves``: how many rounds that takes; None: nobody knows.
    """
    if not breaks:
        return blocked
    one = added(timing.start, timing.boot)
    return blocked.longer(unbounded(one) if waves is None else times(waves, one))


def outage_of_scale_to_one(blocked: Outage, timing: Timing, *, breaks: bool) -> Outage:
    """Of one old replica that serves until a new one is ready."""
    return blocked.longer(timing.boot) if breaks else blocked


def outage_of_scale_to_zero(forecast: Forecast, timing: Timing) -> Outage:
    """Of nobody running while the schema moves."""
    nobody = added(timing.termination, timing.start, forecast.total_s, timing.boot)
    return Outage(without_reads_s=nobody, without_writes_s=nobody)


def requests_without_service(forecast: Forecast, outage: Outage) -> float | None:
    """Statements that nobody is there to send; None where nobody counts them."""
    return None if forecast.calls_s is None else round(forecast.calls_s * outage.unavailable_s.likely, 1)


def requests_that_break(forecast: Forecast, seconds: float) -> float | None:
    """Statements that fail on the new schema while old replicas send them for so long; None where nobody counted them."""
    rates = [broken.calls_s for broken in forecast.broken]
    known = [rate for rate in rates if rate is not None]
    if not rates or len(known) < len(rates):
        return None
    return round(sum(known) * max(seconds, 0.0), 1)


def requests_that_wait(forecast: Forecast, ledger: str | None, *, longer_than_s: float) -> float | None:
    """Statements that wait for longer than that, at most; None where nobody counts them.

    One that names several blocked relations counts for each, so that it is no more than all that arrive meanwhile.
    """
    waiting = 0.0
    for relation in used_relations(forecast, ledger):
        beyond_s = relation.blocked_s.likely - longer_than_s
        if beyond_s <= 0:
            continue
        queue = relation.waiting.queue if relation.waiting else None
        if queue is None:
            return None
        waiting += queue.calls_s * beyond_s
    if forecast.calls_s is None:
        return None if waiting else 0.0
    most_s = blocked(forecast, ledger).unavailable_s.likely
    return round(min(waiting, forecast.calls_s * most_s), 1)


def _together(
    forecast: Forecast,
    relations: Iterable[RelationForecast],
    lasting: Callable[[RelationForecast], Seconds],
    counts: Callable[[Stretch], bool],
) -> Seconds:
    relations = tuple(relations)
    parts = [lasting(relation) for relation in relations]
    if forecast.transactions <= 1:
        return rounded(longest(*parts))
    if relations and all(relation.stretches for relation in relations):
        parts = _by_transaction(relations, counts)
    return rounded(shorter(added(*parts), forecast.total_s))


def _by_transaction(relations: Iterable[RelationForecast], counts: Callable[[Stretch], bool]) -> list[Seconds]:
    """The longest wait at any relation in each transaction, in which all of them wait at once."""
    waits: list[tuple[int, Seconds]] = []
    for relation in relations:
        mine = sorted((s for s in relation.stretches if counts(s)), key=lambda s: s.transaction)
        for number, group in groupby(mine, key=lambda s: s.transaction):
            waits.append((number, total(stretch.lasts_s for stretch in group)))
    waits.sort(key=lambda wait: wait[0])
    return [longest(*(seconds for _, seconds in group)) for _, group in groupby(waits, key=lambda wait: wait[0])]
