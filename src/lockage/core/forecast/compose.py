"""From a trace to the forecast: every relation that is locked or waits, every operation, everything unknown, the total.

Not for looking: the trace and the sizes come in. The surprising thing: a relation's blocked seconds are the sum over the
transactions that block it at its worst level; milder stretches before do not count.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from lockage.core.facts import Relation
from lockage.core.forecast.assess import (
    Blocks,
    Forecast,
    LockTaken,
    MigrationRef,
    RelationForecast,
    Script,
    Seconds,
    StatementPlace,
    Unknown,
)
from lockage.core.forecast.compatibility import Compatibility
from lockage.core.forecast.duration.calibration import UNCALIBRATED, Calibration
from lockage.core.forecast.duration.estimate import estimates
from lockage.core.forecast.gaps import Gap, find_gaps
from lockage.core.forecast.indirect import indirect_holds
from lockage.core.forecast.lock_modes import MODES, badness, worst
from lockage.core.forecast.names import oids
from lockage.core.forecast.ran import changes_of
from lockage.core.forecast.seconds import NOTHING, Totals, total
from lockage.core.forecast.stretches import Moments, merged, spans, stretches
from lockage.core.forecast.timeline import Hold, doubted_behind, holds
from lockage.core.forecast.trace import CatalogRules, Trace
from lockage.core.migration.script import Migration
from lockage.core.migration.syntax import ChangeKind
from lockage.core.wording import listed


def compose(
    trace: Trace,
    *,
    migrations: Sequence[Migration],
    relations: Iterable[Relation],
    sizes_known: bool,
    rules: CatalogRules,
    compatibility: Compatibility,
    assumptions: Sequence[str],
    calibration: Calibration = UNCALIBRATED,
) -> Forecast:
    """The forecast of a traced script. ``relations`` are production's sizes; ``rules`` those before the script."""
    relations = tuple(relations)
    gaps = tuple(find_gaps(step) for step in trace.statements)
    held = holds(trace, gaps)
    held += indirect_holds(held, mark=trace.start, rules=rules)
    held = doubted_behind(held, _last_seen_whole(trace, gaps, migrations))
    guesses = estimates(trace, gaps, relations, sizes_known=sizes_known, calibration=calibration)
    seconds = [guess.seconds for guess in guesses]
    moments = Moments(trace, Totals(seconds))
    unknown = _unknown(trace, gaps, migrations)
    return Forecast(
        script=_script(migrations),
        relations=_relations(moments, held, relations if sizes_known else ()),
        relations_known=not _has_programs(migrations),
        operations=tuple(
            operation
            for step, guess in zip(trace.statements, guesses, strict=True)
            for operation in guess.operations
            if not step.of_migrator
        ),
        unknown=unknown,
        broken=compatibility.broken,
        statements_checked=compatibility.checked,
        may_break=compatibility.may_break,
        old_release=compatibility.old_release,
        total_s=_total(seconds, migrations),
        transactions=trace.transactions,
        assumptions=(*assumptions, *calibration.assumptions, *_about_keys(trace), *compatibility.assumptions),
        places=tuple(_places(trace, seconds)),
        spans=spans(moments),
    )


def _last_seen_whole(trace: Trace, gaps: Sequence[Sequence[Gap]], migrations: Sequence[Migration]) -> int:
    """Behind which position of the trace stands what may meet another schema than on the shadow, or not be reached at all."""
    programs = itertools.dropwhile(lambda migration: migration.language == "sql", migrations)
    behind = {migration.file for migration in programs}
    for position, (step, missing) in enumerate(zip(trace.statements, gaps, strict=True)):
        if step.file in behind:
            return position - 1
        if not step.of_migrator and (not step.succeeded or any(gap.statements is None for gap in missing)):
            return position
    return len(gaps)


def _script(migrations: Iterable[Migration]) -> Script:
    return Script(
        migrations=tuple(
            MigrationRef(version=m.version, name=m.name, file=m.file, label=m.label or str(m.version)) for m in migrations
        )
    )


def _places(trace: Trace, seconds: Sequence[Seconds]) -> Iterator[StatementPlace]:
    for step, lasts in zip(trace.statements, seconds, strict=True):
        if not step.of_migrator:
            yield StatementPlace(file=step.file, line=step.statement.line, statement=step.statement.headline, seconds=lasts)


def _about_keys(trace: Trace) -> Iterator[str]:
    """Who writes the key of a row that the script inserts waits to see whether it commits; nobody can foresee keys."""
    filled = {
        trace.start.relations[oid].relation
        for step in trace.statements
        if not step.of_migrator
        for change in changes_of(step)
        if change.kind is ChangeKind.INSERT
        for oid in oids((change.relation,), step.before)
        if oid in trace.start.relations and step.rules.unique_keys.get(oid)
    }
    if filled:
        yield f"nobody else writes the unique keys that the script inserts meanwhile: {', '.join(sorted(filled))}"


def _total(seconds: Sequence[Seconds], migrations: Sequence[Migration]) -> Seconds:
    whole = total(seconds)  # a statement that was not seen whole has no high end of its own
    return Seconds(low=whole.low, likely=whole.likely, high=None if _has_programs(migrations) else whole.high)


def _has_programs(migrations: Iterable[Migration]) -> bool:
    """Whether nobody can run a part of the script, and so nobody knows which relations that blocks."""
    return any(migration.language != "sql" for migration in migrations)


def _unknown(trace: Trace, gaps: Sequence[Sequence[Gap]], migrations: Sequence[Migration]) -> tuple[Unknown, ...]:
    found = [
        Unknown(file=step.file, line=gap.line, reason=gap.reason)
        for step, missing in zip(trace.statements, gaps, strict=True)
        for gap in missing
    ]
    found += [
        Unknown(
            file=m.file,
            line=1,
            reason=f"written in {m.language}, which cannot be run here{_hangs_on_it(migrations[i:])}",
        )
        for i, m in enumerate(migrations, start=1)
        if m.language != "sql"
    ]
    return tuple(dict.fromkeys(found))


def _hangs_on_it(following: Sequence[Migration]) -> str:
    names = [migration.file for migration in following]
    return f"; what follows may hang on it: {listed(names, most=3)}" if names else ""


def _relations(moments: Moments, held: Iterable[Hold], sized: Iterable[Relation]) -> tuple[RelationForecast, ...]:
    trace = moments.trace
    sizes = {relation.relation: relation for relation in sized}
    by_oid: dict[int, list[Hold]] = defaultdict(list)
    for hold in held:
        by_oid[hold.oid].append(hold)
    found = [
        RelationForecast(
            relation=trace.start.relations[oid].relation,
            locks=_locks(moments, those),
            blocks=worst(hold.blocks for hold in those),
            blocked_s=_blocked(those, moments),
            because=_because(those),
            surely=_surely(those),
            doubts=_doubts(those),
            stretches=stretches(those, moments),
        )
        for oid, those in by_oid.items()
    ]
    found = [_sized(relation, sizes.get(relation.relation)) for relation in found]
    return tuple(sorted(found, key=lambda r: (-badness(r.blocks), r.relation)))


def _sized(forecast: RelationForecast, relation: Relation | None) -> RelationForecast:
    if relation is None:
        return forecast
    rows = relation.rows if relation.rows >= 0 else None
    return replace(forecast, rows=rows, bytes=relation.heap_bytes + relation.toast_bytes)


def _locks(moments: Moments, those: Sequence[Hold]) -> tuple[LockTaken, ...]:
    """Every lock with its place; those on indexes that stop nobody go without saying where the table has the same."""
    chosen: dict[tuple[int, str, str | None], Hold] = {}
    own = {hold.mode for hold in those if hold.via is None}
    for hold in sorted(those, key=lambda h: (h.first, MODES.index(h.mode) if h.mode else -1, badness(h.blocks))):
        if hold.mode is not None and not (hold.via and hold.blocks is Blocks.NONE and hold.mode in own):
            chosen[hold.first, hold.mode, hold.via] = hold
    return tuple(_lock(hold, mode, moments) for (_, mode, _), hold in chosen.items())


def _lock(hold: Hold, mode: str, moments: Moments) -> LockTaken:
    step = moments.trace.statements[hold.first]
    said = step.statement.of(moments.trace.start.relations[hold.oid].relation)
    return LockTaken(
        mode=mode,
        file=step.file,
        line=said.line,
        statement=said.headline,
        transaction=step.transaction,
        blocks=hold.blocks,
        via=hold.via,
        from_s=moments.begin(hold.first),
        until_s=moments.end(hold.last),
        concurrently=step.statement.concurrently,
    )


def _blocked(those: Sequence[Hold], moments: Moments) -> Seconds:
    level = worst(hold.blocks for hold in those)
    if level is Blocks.NONE:
        return NOTHING
    return moments.lasting(merged((hold.first, hold.last) for hold in those if hold.blocks is level))


def _surely(those: Sequence[Hold]) -> Blocks:
    return worst(hold.blocks for hold in those if hold.doubt is None)


def _doubts(those: Sequence[Hold]) -> tuple[str, ...]:
    level = worst(hold.blocks for hold in those)
    if level is _surely(those):
        return ()
    return tuple(dict.fromkeys(hold.doubt for hold in those if hold.doubt and hold.blocks is level))


def _because(those: Sequence[Hold]) -> tuple[str, ...]:
    level = worst(hold.blocks for hold in those)
    if level is Blocks.NONE or any(hold.blocks is level and hold.mode for hold in those):
        return ()
    return tuple(dict.fromkeys(hold.because for hold in those if hold.because and hold.blocks is level))
