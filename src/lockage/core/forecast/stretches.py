"""From positions in the script to seconds since its beginning: when each lock is held, and when users of a relation wait.

Not for what is held (``timeline``) nor for how long a statement takes (``duration``). The surprising thing: the statements of
a migrator's own ledger take part in the time, though no file holds them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from lockage.core.forecast.assess import Blocks, Seconds, Stretch, TransactionSpan
from lockage.core.forecast.lock_modes import MODES, badness
from lockage.core.forecast.seconds import Totals
from lockage.core.forecast.timeline import Hold
from lockage.core.forecast.trace import Trace


@dataclass(frozen=True, slots=True)
class Moments:
    """When each statement of a trace begins and ends, in seconds since the first began."""

    trace: Trace
    totals: Totals  # of its statements' seconds

    def begin(self, position: int) -> Seconds:
        """When the statement begins."""
        return self.totals.before(position)

    def end(self, position: int) -> Seconds:
        """When it has ended."""
        return self.totals.before(position + 1)

    def lasting(self, ranges: Iterable[tuple[int, int]]) -> Seconds:
        """How long the statements of the ranges take together, the first and the last of each included."""
        return self.totals.over(ranges)

    def committed(self, position: int) -> bool:
        """Whether nothing is held any more behind the statement."""
        return not self.trace.statements[position].observation.in_transaction


def stretches(held: Iterable[Hold], moments: Moments) -> tuple[Stretch, ...]:
    """When users of one relation wait, from everything that is held on it."""
    blocking = sorted((hold for hold in held if hold.blocks is not Blocks.NONE), key=lambda hold: hold.first)
    firsts = [hold.first for hold in blocking]
    oldest = 0
    found: list[Stretch] = []
    for first, last, blocks in _joined(_levels(blocking), moments):
        while blocking[oldest].last < first:  # those of transactions long past, of which there may be thousands
            oldest += 1
        near = blocking[oldest : bisect_right(firsts, last)]
        mode, because = _cause([hold for hold in near if hold.last >= first and hold.blocks is blocks])
        found.append(
            Stretch(
                blocks=blocks,
                from_s=moments.begin(first),
                until_s=moments.end(last),
                lasts_s=moments.lasting([(first, last)]),
                transaction=moments.trace.statements[first].transaction,
                mode=mode,
                because=because,
            )
        )
    return tuple(found)


def spans(moments: Moments) -> tuple[TransactionSpan, ...]:
    """The script's transactions, each with the migrator's notes that bear its number."""
    found: list[TransactionSpan] = []
    for number, group in groupby(enumerate(moments.trace.statements), key=lambda item: item[1].transaction):
        members = list(group)
        own = [step for _, step in members if not step.of_migrator] or [members[0][1]]
        found.append(
            TransactionSpan(
                transaction=number,
                from_s=moments.begin(members[0][0]),
                until_s=moments.end(members[-1][0]),
                file=own[0].file,
                line=own[0].statement.line,
                last_file=own[-1].file,
                last_line=own[-1].statement.line,
                statements=sum(1 for _, step in members if not step.of_migrator),
            )
        )
    return tuple(found)


def merged(ranges: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The same positions as ranges that neither overlap nor touch, in order."""
    kept: tuple[int, int] | None = None
    for first, last in sorted(ranges):
        if kept is not None and first <= kept[1] + 1:
            kept = (kept[0], max(kept[1], last))
            continue
        if kept is not None:
            yield kept
        kept = (first, last)
    if kept is not None:
        yield kept


def _levels(blocking: Sequence[Hold]) -> Iterator[tuple[int, int, Blocks]]:
    """(first, last, worst level) between each two positions at which a hold begins or has ended."""
    changes: dict[int, list[tuple[Blocks, int]]] = defaultdict(list)
    for hold in blocking:
        changes[hold.first].append((hold.blocks, 1))
        changes[hold.last + 1].append((hold.blocks, -1))
    positions = sorted(changes)
    active: Counter[Blocks] = Counter()
    for position, following in pairwise(positions):
        for blocks, change in changes[position]:
            active[blocks] += change
        level = max((blocks for blocks, count in active.items() if count), key=badness, default=Blocks.NONE)
        if level is not Blocks.NONE:
            yield position, following - 1, level


def _joined(levels: Iterable[tuple[int, int, Blocks]], moments: Moments) -> Iterator[tuple[int, int, Blocks]]:
    """The same, with neighbours of one level made one, where no commit lies between them."""
    kept: tuple[int, int, Blocks] | None = None
    for first, last, level in levels:
        if kept is not None and kept[1] + 1 == first and kept[2] is level and not moments.committed(kept[1]):
            kept = (kept[0], last, level)
            continue
        if kept is not None:
            yield kept
        kept = (first, last, level)
    if kept is not None:
        yield kept


def _cause(those: Sequence[Hold]) -> tuple[str | None, str | None]:
    """The strongest lock among them, or else the first sentence that says why users wait."""
    modes = [hold.mode for hold in those if hold.mode is not None]
    if modes:
        return max(modes, key=MODES.index), None
    return None, next((hold.because for hold in those if hold.because), None)
