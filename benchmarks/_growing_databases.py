"""A database of as many tables as one likes, as many migrations of it, and the statements of a release that runs beside them.

Not for timing anything (``forecast_speed``). The surprising thing: the migrations are of every kind that a forecast treats in a
way of its own, and each is about another table, so a script of a thousand files touches a thousand tables.
"""

from __future__ import annotations

from collections.abc import Iterator

ROWS = 60


def schema(tables: int) -> Iterator[str]:
    """Tables that refer to the one before, each with three indexes, a view on every fourth and rows in all of them."""
    for n in range(tables):
        yield (
            f"create table t{n} (id bigint generated always as identity primary key, name text not null unique, kind int,"
            f" amount numeric not null default 0, note text, made_at timestamptz not null default now(),"
            f" other_id bigint references t{max(n - 1, 0)} (id));"
            f"create index t{n}_kind on t{n} (kind, made_at);"
            f"insert into t{n} (name, kind, note) select 'name ' || i, i % 7, 'note' from generate_series(1, {ROWS}) i;"
        )
        if n % 4 == 0:
            yield f"create view v{n} as select id, name from t{n} where kind > 3;"


KINDS = (
    "alter table t{n} add column c{m} int;\nupdate t{n} set c{m} = kind where c{m} is null;\n"
    "alter table t{n} alter column c{m} set not null;",
    "create table n{m} (id bigint primary key, t_id bigint references t{n} (id), body jsonb);\ncreate index on n{m} (t_id);",
    "alter table t{n} add column d{m} text not null default 'x';\ncreate index t{n}_d{m} on t{n} (d{m});",
    "insert into t{n} (name, kind) values ('seed {m}', 1), ('seed b {m}', 2);\nupdate t{n} set note = 'y' where kind = 3;",
    "alter table t{n} add constraint k{m} check (amount >= 0) not valid;\nalter table t{n} validate constraint k{m};",
    "alter table t{n} alter column amount type double precision;\ncomment on table t{n} is 'changed by {m}';",
    "do $$ begin if exists (select from t{n} where kind = 9) then update t{n} set kind = 8 where kind = 9; end if; end $$;",
    "create function f{m}() returns trigger language plpgsql as $$ begin new.note := 'z'; return new; end $$;\n"
    "create trigger g{m} before update on t{n} for each row execute function f{m}();\ndelete from t{n} where kind = 5;",
    "alter table t{n} rename column note to old_note;\nalter table t{n} rename column old_note to note;\n"
    "drop index t{n}_kind;\ncreate index t{n}_kind on t{n} (kind);",
)


def migrations(count: int, tables: int) -> dict[str, bytes]:
    """Files of every kind, each about another table."""
    return {f"{m}_m.sql": KINDS[m % len(KINDS)].format(n=(m * 7) % tables, m=m).encode() for m in range(1, count + 1)}


def old_statements(count: int, tables: int) -> list[str]:
    """Statements of a running release, as ``pg_stat_statements`` prints them."""
    kinds = (
        "select id, name, kind from t{n} where id = $1 and kind > {k}",
        "update t{n} set amount = amount + $1 where id = $2 and kind <> {k}",
        "insert into t{n} (name, kind, note) values ($1, $2, $3) returning id + {k}",
        "select a.name, b.name from t{n} a join t{b} b on b.id = a.other_id where a.made_at > $1 and b.kind > {k}",
    )
    return [kinds[i % len(kinds)].format(n=i % tables, b=max(i % tables - 1, 0), k=i) for i in range(count)]
