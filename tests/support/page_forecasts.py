"""Forecasts made by hand, for whatever shows one: usual, large, unknown, and with names that try to break out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lockage.core.forecast.assess import (
    Answer,
    Blocks,
    Broken,
    Check,
    Forecast,
    Hazard,
    LockTaken,
    MigrationRef,
    Operation,
    RelationForecast,
    Script,
    Seconds,
    Severity,
    StrategyForecast,
    Stretch,
    TransactionSpan,
    Unknown,
)
from lockage.core.forecast.unseen import unseen

EVIL = "</style><script>alert(1)</script>|`*_[x](y)@nobody ${a} {{ b }} \"' <img src=x>"
"""What a name or a statement may hold, and no output may let through."""


def seconds(likely: float, *, low: float | None = None, high: float | None = -1.0) -> Seconds:
    """A range: a third, and three times, unless said otherwise."""
    return Seconds(low=likely / 3 if low is None else low, likely=likely, high=likely * 3 if high == -1.0 else high)


def stretch(
    blocks: Blocks,
    from_s: float,
    until_s: float,
    *,
    mode: str | None = "AccessExclusiveLock",
    transaction: int = 1,
    because: str | None = None,
    known: bool = True,
) -> Stretch:
    until = seconds(until_s) if known else seconds(until_s, high=None)
    lasts = seconds(until_s - from_s) if known else seconds(until_s - from_s, high=None)
    return Stretch(
        blocks=blocks, from_s=seconds(from_s), until_s=until, lasts_s=lasts, transaction=transaction, mode=mode, because=because
    )


def relation(name: str, *stretches: Stretch, file: str = "0042_scopes.up.sql", rows: float | None = None) -> RelationForecast:
    """With a lock for each of its stretches that has a mode."""
    blocks = min((s.blocks for s in stretches), key=list(Blocks).index, default=Blocks.NONE)
    locks = tuple(
        LockTaken(
            mode=s.mode,
            file=file,
            line=number,
            statement=f"ALTER TABLE {name} ADD COLUMN c{number} text",
            transaction=s.transaction,
            blocks=s.blocks,
            from_s=s.from_s,
            until_s=s.until_s,
        )
        for number, s in enumerate(stretches, start=3)
        if s.mode is not None
    )
    worst = [s for s in stretches if s.blocks is blocks]
    lasts = [s.lasts_s for s in worst]
    high = None if any(s.high is None for s in lasts) else sum(s.high or 0.0 for s in lasts)
    blocked = Seconds(low=sum(s.low for s in lasts), likely=sum(s.likely for s in lasts), high=high)
    return RelationForecast(
        relation=name,
        locks=locks,
        blocks=blocks,
        blocked_s=blocked,
        because=tuple(s.because for s in worst if s.because),
        rows=rows,
        bytes=None if rows is None else int(rows * 120),
        stretches=stretches,
    )


def forecast(
    *relations: RelationForecast,
    total_s: Seconds,
    spans: Sequence[tuple[float, float]],
    files: Sequence[str] = ("0042_scopes.up.sql", "0043_backfill.up.sql"),
    ledger: str | None = "public.schema_migrations",
    operations: tuple[Operation, ...] = (),
    unknown: tuple[Unknown, ...] = (),
    broken: tuple[Broken, ...] = (),
    hazards: tuple[Hazard, ...] = (),
    checks: tuple[Check, ...] = (),
    strategies: tuple[StrategyForecast, ...] = (),
    recommended: str | None = None,
    assumptions: tuple[str, ...] = (),
) -> Forecast:
    migrations = tuple(MigrationRef(version=n, name=file, file=file) for n, file in enumerate(files, start=42))
    return Forecast(
        script=Script(migrations=migrations, folder="db/migrations", ledger=ledger),
        relations=relations,
        operations=operations,
        unknown=unknown,
        broken=broken,
        statements_checked=14 if broken else 0,
        total_s=total_s,
        transactions=len(spans),
        assumptions=assumptions,
        hazards=hazards,
        checks=checks,
        strategies=strategies,
        recommended=recommended,
        spans=tuple(
            TransactionSpan(
                transaction=number,
                from_s=seconds(begin),
                until_s=seconds(end),
                file=files[min(number, len(files)) - 1],
                line=1,
                last_file=files[min(number, len(files)) - 1],
                last_line=9,
                statements=3,
            )
            for number, (begin, end) in enumerate(spans, start=1)
        ),
    )


def usual() -> Forecast:
    """Two transactions, five relations, something in every section."""
    scopes, backfill = "0042_scopes.up.sql", "0043_backfill.up.sql"
    return forecast(
        relation("public.schema_migrations", stretch(Blocks.READS, 0.0, 9.3), rows=1),
        relation(
            "public.api_keys",
            stretch(Blocks.ROWS, 0.3, 2.4, mode="RowExclusiveLock"),
            stretch(Blocks.READS, 2.4, 8.9),
            stretch(Blocks.WRITES, 9.0, 9.3, mode="ShareLock", transaction=2),
            rows=1_200_000,
        ),
        relation(
            "public.users",
            stretch(Blocks.WRITES, 2.4, 8.9, mode="ShareRowExclusiveLock"),
            rows=84_000,
        ),
        relation(
            "public.active_keys",
            stretch(Blocks.READS, 2.4, 8.9, mode=None, because="is a view of public.api_keys"),
        ),
        relation("public.workspaces", stretch(Blocks.ROWS, 4.0, 8.9, mode="RowExclusiveLock"), rows=40_312),
        RelationForecast(relation="public.audit_logs", locks=(), blocks=Blocks.NONE, blocked_s=seconds(0.0)),
        RelationForecast(relation="public.groups", locks=(), blocks=Blocks.NONE, blocked_s=seconds(0.0)),
        total_s=seconds(9.3, low=4.1, high=24.0),
        spans=[(0.0, 8.9), (8.9, 9.3)],
        operations=(
            Operation(kind="update", relation="public.api_keys", file=scopes, line=7, rows=1_200_000, seconds=seconds(5.8)),
            Operation(kind="rewrite", relation="public.api_keys", file=scopes, line=5, rows=1_200_000, seconds=seconds(2.1)),
            Operation(
                kind="index-build", relation="public.api_keys", file=backfill, line=2, rows=1_200_000, seconds=seconds(0.3)
            ),
            Operation(
                kind="scan", relation="public.workspaces", file=scopes, line=9, rows=40_312, seconds=seconds(0.02, high=None)
            ),
        ),
        unknown=(
            Unknown(file=scopes, line=20, reason="in a branch that did not run: UPDATE api_keys SET scopes = ARRAY['all']"),
        ),
        broken=(
            Broken(
                query="SELECT id, scope FROM api_keys\nWHERE id = $1",
                sqlstate="42703",
                message='column "scope" does not exist',
                file=scopes,
                line=8,
            ),
        ),
        hazards=(
            Hazard(
                code="H001",
                severity=Severity.ERROR,
                relation="public.api_keys",
                file=scopes,
                line=5,
                sentence="nobody can read or write public.api_keys 6.5 s likely (limit 2.0 s): AccessExclusiveLock is held to"
                " the end of transaction 1",
                remedy="Give the ALTER TABLE a transaction of its own, and put the UPDATE behind it",
            ),
            Hazard(
                code="H011",
                severity=Severity.WARNING,
                relation="public.api_keys",
                file=backfill,
                line=2,
                sentence="the index is built while writers wait",
                remedy="CREATE INDEX CONCURRENTLY, in a file without a transaction",
            ),
            Hazard(
                code="H030",
                severity=Severity.NOTE,
                relation=None,
                file="",
                line=0,
                sentence="about 1.1 GB of WAL is written",
                remedy="",
            ),
        ),
        checks=(
            Check(
                query="SELECT count(*) FROM public.api_keys WHERE user_id IS NULL HAVING count(*) > 0",
                why="ALTER COLUMN user_id SET NOT NULL fails on a row without a user",
                file=scopes,
                line=6,
            ),
            Check(
                query="SELECT name FROM public.workspaces GROUP BY name HAVING count(*) > 1",
                why="CREATE UNIQUE INDEX fails on two rows of one name",
                file=backfill,
                line=4,
                answer=Answer.FAILS,
            ),
        ),
        strategies=(
            StrategyForecast(
                name="rolling",
                possible=False,
                unavailable_s=seconds(9.3),
                without_reads_s=seconds(6.5),
                without_writes_s=seconds(6.8),
                reasons=("a statement of the running release breaks",),
            ),
            StrategyForecast(
                name="scale-to-one",
                possible=True,
                unavailable_s=seconds(9.3),
                without_reads_s=seconds(6.5),
                without_writes_s=seconds(8.6),
                reasons=("one old replica goes on until the new one is ready",),
            ),
            StrategyForecast(
                name="scale-to-zero",
                possible=True,
                unavailable_s=seconds(21.0),
                without_reads_s=seconds(21.0),
                without_writes_s=seconds(21.0),
                reasons=("nothing runs beside the migration",),
            ),
        ),
        recommended="scale-to-zero",
        assumptions=(
            "production runs PostgreSQL 15, the shadow 18",
            "nobody else writes the unique keys that the script inserts meanwhile: public.workspaces",
        ),
    )


def short_beside_long() -> Forecast:
    """Locks of a millisecond beside one of forty minutes, in many transactions."""
    begin, spans, relations = 0.0, [], []
    for number in range(1, 41):
        lasts = 2400.0 if number == 20 else 0.001
        spans.append((begin, begin + lasts))
        mode = "AccessExclusiveLock" if number % 2 else "ShareLock"
        blocks = Blocks.READS if number % 2 else Blocks.WRITES
        relations.append(
            relation(f"public.table_{number:02}", stretch(blocks, begin, begin + lasts, mode=mode, transaction=number))
        )
        begin += lasts
    return forecast(*relations, total_s=seconds(begin), spans=spans, files=[f"{number:04}_step.sql" for number in range(1, 41)])


def sixty_lanes() -> Forecast:
    """Sixty relations in one transaction, some with names as long as PostgreSQL takes them."""
    long = "a_rather_long_name_for_a_table_that_somebody_really_gave_it_"
    relations = [
        relation(
            f"public.{long if number % 7 == 0 else 'table_'}{number:02}",
            stretch(
                [Blocks.READS, Blocks.WRITES, Blocks.ROWS][number % 3],
                number * 0.5,
                40.0,
                mode=["AccessExclusiveLock", "ShareLock", "RowExclusiveLock"][number % 3],
            ),
        )
        for number in range(60)
    ]
    return forecast(*relations, total_s=seconds(40.0), spans=[(0.0, 40.0)])


def partitions() -> Forecast:
    """Twelve partitions that wait alike, each with the same hazard, and one table that waits for longer."""
    one = relation("public.events", stretch(Blocks.READS, 1.0, 3.0))
    alike = [replace(one, relation=f"public.events_{n:02}") for n in range(12)]
    hazards = tuple(
        Hazard(
            code="H001",
            severity=Severity.ERROR,
            relation=part.relation,
            file="0042_scopes.up.sql",
            line=1,
            sentence=f"nobody can read or write {part.relation}",
            remedy="Take the lock in a transaction that does nothing else.",
        )
        for part in alike
    )
    first = relation("public.users", stretch(Blocks.READS, 0.0, 4.0))
    made = forecast(first, *alike, total_s=seconds(4.0), spans=[(0.0, 4.0)])
    return replace(made, hazards=hazards)


def thousand_transactions() -> Forecast:
    """A table that is locked anew in each of a thousand transactions."""
    every = [stretch(Blocks.READS, n * 0.01, (n + 1) * 0.01, transaction=n + 1) for n in range(1000)]
    return forecast(
        relation("public.busy", *every),
        total_s=seconds(10.0),
        spans=[(n * 0.01, (n + 1) * 0.01) for n in range(1000)],
        files=[f"{n:05}.sql" for n in range(1000)],
    )


def unknown_end() -> Forecast:
    """One relation, whose end nobody knows."""
    reason = "0042_scopes.up.sql:20 unknown, worst case"
    return forecast(
        relation("public.users", stretch(Blocks.READS, 0.0, 0.004, mode=None, because=reason, known=False)),
        total_s=seconds(0.004, high=None),
        spans=[(0.0, 0.004)],
        unknown=(Unknown(file="0042_scopes.up.sql", line=20, reason="a DO block in plperlu is not executed here"),),
    )


def nobody_waits() -> Forecast:
    """Only the ledger is locked."""
    return forecast(
        relation("public.schema_migrations", stretch(Blocks.READS, 0.0, 0.005)),
        total_s=seconds(0.005),
        spans=[(0.0, 0.005)],
    )


def a_moment() -> Forecast:
    """Readers and writers wait, and nobody will notice."""
    return forecast(relation("public.users", stretch(Blocks.READS, 0.0, 0.1)), total_s=seconds(0.1), spans=[(0.0, 0.1)])


def nothing_to_apply() -> Forecast:
    return forecast(total_s=seconds(0.0), spans=[], files=())


def nothing_known() -> Forecast:
    """Of a jump of which nobody knows the migrations."""
    return unseen(reason="which migrations lead from 1.0.0 to 2.0.0 is not known", typical_s=240.0)


def evil() -> Forecast:
    """Everything that comes from outside holds what would end a cell, a tag or an attribute."""
    name = f'public."{EVIL}"'
    return forecast(
        relation(name, stretch(Blocks.READS, 0.0, 2.0, mode=None, because=EVIL), file=EVIL, rows=3),
        relation(f"x.{EVIL}", stretch(Blocks.WRITES, 0.0, 2.0, mode="ShareLock"), file=EVIL),
        total_s=seconds(2.0),
        spans=[(0.0, 2.0)],
        files=(EVIL, "http://example.com/@somebody#12"),
        ledger=None,
        operations=(Operation(kind="scan", relation=EVIL, file=EVIL, line=1, rows=1, seconds=seconds(1.0)),),
        unknown=(Unknown(file=EVIL, line=1, reason=EVIL),),
        broken=(Broken(query=f"SELECT '{EVIL}'", sqlstate="42703", message=EVIL, file=EVIL, line=1),),
        hazards=(Hazard(code="H001", severity=Severity.ERROR, relation=EVIL, file=EVIL, line=1, sentence=EVIL, remedy=EVIL),),
        checks=(Check(query=f"SELECT '{EVIL}'\n``` \n", why=EVIL, file=EVIL, line=1),),
        strategies=(
            StrategyForecast(
                name="rolling",
                possible=True,
                unavailable_s=seconds(1.0),
                without_reads_s=seconds(1.0),
                without_writes_s=seconds(1.0),
                reasons=(EVIL,),
            ),
        ),
        assumptions=(EVIL,),
    )


EVERY = (
    usual,
    short_beside_long,
    sixty_lanes,
    partitions,
    thousand_transactions,
    unknown_end,
    nobody_waits,
    nothing_to_apply,
    nothing_known,
    evil,
)
"""All of them, each as a function that makes it."""
