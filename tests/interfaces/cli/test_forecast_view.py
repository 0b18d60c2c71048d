"""A forecast as people read it."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from lockage.core.forecast.assess import (
    Blocks,
    Broken,
    Forecast,
    Hazard,
    LockTaken,
    MigrationRef,
    Operation,
    RelationForecast,
    Script,
    Seconds,
    Severity,
    Unknown,
)
from lockage.interfaces.cli.forecast_view import show_forecast
from support.page_forecasts import a_moment, nobody_waits, unknown_end, usual
from support.printed import printed

FILE = "000015_api_key_scopes_array_allow_list.up.sql"
STATEMENT = "ALTER TABLE api_keys ADD COLUMN scopes api_key_scope[], ADD COLUMN allow_list text[] NOT NULL DEFAULT ARRAY['*:*']"


def lock(line: int, *, mode: str = "AccessExclusiveLock", blocks: Blocks = Blocks.READS, via: str | None = None) -> LockTaken:
    return LockTaken(mode=mode, file=FILE, line=line, statement=STATEMENT, transaction=1, blocks=blocks, via=via)


FORECAST = Forecast(
    script=Script(
        migrations=(
            MigrationRef(version=15, name="api_key_scopes", file=FILE),
            MigrationRef(version=16, name="later", file="000016_later.up.sql"),
        )
    ),
    relations=(
        RelationForecast(
            relation="public.api_keys",
            locks=(lock(7), *(lock(line, via="public.api_keys_pkey") for line in (8, 10, 11)), lock(9)),
            blocks=Blocks.READS,
            blocked_s=Seconds(low=4.0, likely=9.0, high=None),
        ),
        RelationForecast(
            relation="public.users",
            locks=(lock(7, mode="RowShareLock", blocks=Blocks.NONE),),
            blocks=Blocks.ROWS,
            blocked_s=Seconds(low=4.0, likely=9.0, high=21.0),
            because=("is referred to by public.api_keys",),
        ),
        RelationForecast(
            relation="public.audit_logs",
            locks=(lock(7, mode="RowExclusiveLock", blocks=Blocks.NONE),),
            blocks=Blocks.NONE,
            blocked_s=Seconds(low=0.0, likely=0.0, high=0.0),
        ),
    ),
    operations=(
        Operation(
            kind="update",
            relation="public.api_keys",
            file=FILE,
            line=7,
            rows=1_000_000,
            seconds=Seconds(low=3.0, likely=8.0, high=20.0),
        ),
    ),
    unknown=(Unknown(file=FILE, line=20, reason="in a branch did not run: UPDATE api_keys SET scopes = ARRAY['[red]x']"),),
    broken=(Broken(query="SELECT scope\nFROM api_keys", sqlstate="42703", message='column "scope" does not exist'),),
    statements_checked=14,
    total_s=Seconds(low=5.0, likely=10.0, high=None),
    transactions=1,
    assumptions=("production runs PostgreSQL 15, the shadow 18",),
)


def shown(forecast: Forecast, *, terminal: bool = False) -> str:
    return printed(lambda console: show_forecast(forecast, console), terminal=terminal)


@pytest.mark.parametrize(
    "sentence",
    [
        "2 migrations: 000015_api_key_scopes_array_allow_list.up.sql to 000016_later.up.sql",
        "takes         an unknown time (10 s likely without what is unknown)",
        "who waits     readers and writers at worst",
        "public.api_keys: readers and writers, an unknown time (9.0 s likely without what is unknown)",
        "and 3 more locks like these",
        "Readers and writers of public.api_keys wait, and users of 1 more relation",
        "unknown       1 thing, counted as the worst case",
        "old queries   1 break in 14 statements",
        "because it is referred to by public.api_keys",
        "Locked so that nobody waits: public.audit_logs",
        "ARRAY['[red]x']",
        "The running release: 1 break in 14 statements",
        'column "scope" does not exist (SQLSTATE 42703)',
        "SELECT scope FROM api_keys",
        "production runs PostgreSQL 15, the shadow 18",
    ],
)
def test_a_pipe_gets_every_sentence_whole(sentence: str) -> None:
    assert sentence in shown(FORECAST)


@pytest.mark.parametrize("length", range(1, 40))
def test_no_line_of_a_terminal_ends_between_a_number_and_its_unit(length: int) -> None:
    first = replace(FORECAST.relations[0], relation="public." + "a" * length)
    hazard = Hazard(
        code="H001", severity=Severity.ERROR, relation=None, file="", line=0, sentence=f"{'a' * length} waits for 3 min or 4 s",
        remedy=f"{'a' * length} has a limit of 3 min, of 4 s or of 5 ms",
    )  # fmt: skip
    text = shown(replace(FORECAST, relations=(first,), hazards=(hazard,)), terminal=True)
    assert not re.search(r"\d\s*\n\s*(?:ms|s|min|h)\b", text)


def test_a_terminal_of_80_columns_loses_nothing() -> None:
    text = shown(FORECAST, terminal=True)
    assert max(len(line) for line in text.splitlines()) <= 80
    together = "".join(text.split())
    for part in (STATEMENT[:119], "000016_later.up.sql", "branchdidnotrun", "1000000", "42703"):
        assert "".join(part.split()) in together


def test_locks_through_an_index_are_told_only_where_a_table_has_none_of_its_own() -> None:
    assert f"{FILE}:9 " in shown(FORECAST)
    assert "public.api_keys_pkey" not in shown(FORECAST)
    only = replace(FORECAST.relations[0], locks=(lock(8, via="public.api_keys_pkey"),))
    assert "AccessExclusiveLock through public.api_keys_pkey, " in shown(replace(FORECAST, relations=(only,)))


def test_relations_that_wait_alike_are_told_once() -> None:
    keys = FORECAST.relations[0]
    several = tuple(replace(keys, relation=f"public.part_{number:02}") for number in range(12))
    text = shown(replace(FORECAST, relations=(*several, FORECAST.relations[1])))
    assert "  public.part_00, public.part_01, public.part_02, public.part_03 and 8 more: readers and writers, an" in text
    assert text.count("an unknown time (9.0 s likely without what is unknown)") == 1


def test_a_table_stands_before_the_view_that_waits_a_moment_longer_with_it() -> None:
    table = replace(FORECAST.relations[0], blocked_s=Seconds(low=4.0, likely=9.0, high=21.0))
    view = RelationForecast(
        relation="public.active_keys",
        locks=(),
        blocks=Blocks.READS,
        blocked_s=Seconds(low=4.0, likely=9.01, high=21.1),
        because=("is a view of public.api_keys", "is a view of public.users"),
    )
    second = shown(replace(FORECAST, relations=(view, table))).splitlines()[1]
    assert second.startswith("Readers and writers of public.api_keys wait")


def test_of_many_relations_the_worst_are_told_and_the_rest_is_counted() -> None:
    keys = FORECAST.relations[0]
    several = tuple(
        replace(keys, relation=f"public.r{n:02}", blocked_s=Seconds(low=1.0, likely=100.0 - n, high=None)) for n in range(40)
    )
    text = shown(replace(FORECAST, relations=several))
    assert "  public.r14: readers and writers" in text
    assert "  and users of 25 more relations, no worse, in --json: public.r15, public.r16, public.r17, public.r18 and" in text


def test_a_script_that_fails_for_certain_says_so_first() -> None:
    fails = Hazard(
        code="H043",
        severity=Severity.ERROR,
        relation=None,
        file=FILE,
        line=3,
        sentence='it fails: relation "nosuch" does not exist (SQLSTATE 42P01)',
        remedy="Correct the migration.",
    )
    second = shown(replace(FORECAST, hazards=(fails,))).splitlines()[1]
    assert second.startswith(f'The script fails at {FILE}:3: Relation "nosuch" does not exist (SQLSTATE 42P01). ')
    of_table = replace(fails, sentence='it fails: public."Order".state must not be NULL')
    second = shown(replace(FORECAST, hazards=(of_table,))).splitlines()[1]
    assert second.startswith(f'The script fails at {FILE}:3: public."Order".state must not be NULL. ')
    may = replace(fails, code="H041", severity=Severity.WARNING, sentence="it may fail: two rows may be alike")
    assert "The script fails" not in shown(replace(FORECAST, hazards=(may,)))


def test_an_empty_script_says_so() -> None:
    nothing = replace(
        FORECAST, script=Script(migrations=()), relations=(), operations=(), unknown=(), broken=(), assumptions=()
    )
    assert shown(replace(nothing, statements_checked=0)).strip() == "Nothing to apply: the script is empty"


def test_from_when_to_when_is_said_of_every_level() -> None:
    text = shown(usual())
    assert "  public.api_keys: readers and writers, 6.5 s likely (2.2 s to 20 s), from 2.4 s to 8.9 s\n" in text
    assert "  public.api_keys: writers of changed rows, 2.1 s likely (0.7 s to 6.3 s), from 0.3 s to 2.4 s\n" in text


def test_a_wait_whose_end_nobody_knows_has_none() -> None:
    assert "an unknown time (4 ms likely without what is unknown), from 0 s on\n" in shown(unknown_end())


def test_the_migrators_own_table_stands_last_and_counts_for_nobody() -> None:
    text = shown(nobody_waits())
    assert "who waits     nobody\n" in text
    assert "  public.schema_migrations: other migrators, 5 ms likely (2 ms to 15 ms), from 0 s to 5 ms\n" in text
    every = shown(usual())
    assert every.index("public.workspaces") < every.index("public.schema_migrations")


def test_a_reason_reads_as_a_sentence() -> None:
    relation = replace(FORECAST.relations[1], because=("its deletes reach public.jobs, which waits",))
    assert "because its deletes reach public.jobs, which waits" in shown(replace(FORECAST, relations=(relation,)))


def test_what_nobody_knows_the_size_of_is_said_with_what_to_type() -> None:
    none = tuple(replace(relation, rows=None) for relation in FORECAST.relations)
    unknown = replace(FORECAST.operations[0], rows=0.0, seconds=Seconds(low=0.0, likely=0.0, high=None))
    text = shown(replace(FORECAST, relations=none, operations=(unknown,)))
    assert "  sizes         not known: name the database (--database URL), or a survey of it (--survey FILE)\n" in text
    assert "  update  unknown  unknown  unknown" in text
    one = (replace(none[0], rows=5.0), *none[1:])
    assert "  sizes " not in shown(replace(FORECAST, relations=one))


@pytest.mark.parametrize("made", [nobody_waits(), a_moment()])
def test_a_program_that_was_not_run_leaves_it_unknown_who_waits(made: Forecast) -> None:
    program = MigrationRef(version=44, name="fill", file="0044_fill.go")
    text = printed(lambda console: show_forecast(with_program(made, program), console))
    assert "Not known who waits: 0044_fill.go is a program, which was not run" in text
    assert "Nobody waits" not in text
    assert "who waits     nobody" not in text


def test_beside_those_who_are_known_to_wait_a_program_is_named() -> None:
    program = MigrationRef(version=44, name="fill", file="0044_fill.go")
    text = printed(lambda console: show_forecast(with_program(usual(), program), console))
    assert "and whom the programs block is not known" in text
    assert "Not known who waits" not in text


def with_program(made: Forecast, program: MigrationRef) -> Forecast:
    return replace(made, script=replace(made.script, migrations=(*made.script.migrations, program)))


def test_a_statement_as_long_as_a_book_does_not_bury_the_rest() -> None:
    (broken,) = usual().broken
    long = replace(broken, query=f"SELECT {'scope, ' * 20_000}id FROM api_keys")
    lines = shown(replace(usual(), broken=(long,))).splitlines()
    assert max(map(len, lines)) < 400
    assert [line for line in lines if line.startswith("      SELECT scope, scope") and line.endswith("…")]
