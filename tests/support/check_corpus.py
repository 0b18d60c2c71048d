"""The corpus of failures on data: scripts that fail on some rows and not on others, each with both.

``T`` stands for a table of the case's own, ``P`` for another one, ``D`` and ``E`` for types. Whether a script really fails is
never written here: it is tried.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """One script; ``bad`` rows come to those of ``good``."""

    name: str
    schema: str
    good: str
    bad: str
    script: str

    def text(self, part: str, number: int) -> str:
        """A part with the names of the case's own tables."""
        text: str = getattr(self, part)
        for letter in "TPDE":
            text = text.replace(f"${letter}", f"{letter.lower()}{number:02}")
        return text


PLAIN = "create table $T (id int primary key, a int, b int, c text)"
GOOD = "insert into $T values (1, 1, 1, 'a'), (2, 2, 2, 'b'), (3, null, 3, null)"
PAIR = "create table $P (id int primary key, k text unique); create table $T (id int primary key, p int, q int, c text)"
PARENTS = "insert into $P values (1, 'x'), (2, 'y'); insert into $T values (1, 1, 1, 'a'), (2, null, 2, null)"

CASES = (
    Case("add a check", PLAIN, GOOD, "insert into $T values (9, -1)", "alter table $T add constraint positive check (a > 0)"),
    Case(
        "add a check and validate it later",
        PLAIN,
        GOOD,
        "insert into $T values (9, -1)",
        "alter table $T add constraint positive check (a > 0) not valid; alter table $T validate constraint positive",
    ),
    Case(
        "validate a check that is there",
        PLAIN,
        GOOD,
        "alter table $T drop constraint positive; insert into $T values (9, -1);"
        "alter table $T add constraint positive check (a > 0) not valid",
        "alter table $T validate constraint positive",
    ),
    Case("unique constraint", PLAIN, GOOD, "insert into $T values (9, 1)", "alter table $T add unique (a)"),
    Case("unique over two columns", PLAIN, GOOD, "insert into $T values (9, 1, 1)", "alter table $T add unique (a, b)"),
    Case("unique index", PLAIN, GOOD, "insert into $T values (9, 1)", "create unique index on $T (a)"),
    Case(
        "unique index on an expression",
        PLAIN,
        GOOD,
        "insert into $T values (9, 7, 7, 'A')",
        "create unique index on $T (lower(c))",
    ),
    Case(
        "partial unique index",
        PLAIN,
        GOOD,
        "insert into $T values (8, 1, 8), (9, 7, -8)",
        "create unique index on $T ((b > 0)) where b >= 3",
    ),
    Case(
        "unique with nulls that are equal",
        PLAIN,
        GOOD,
        "insert into $T values (9, null)",
        "alter table $T add unique nulls not distinct (a)",
    ),
    Case(
        "primary key that is twice there",
        "create table $T (a int)",
        "insert into $T values (1), (2)",
        "insert into $T values (1)",
        "alter table $T add primary key (a)",
    ),
    Case(
        "primary key with a null",
        "create table $T (a int)",
        "insert into $T values (1), (2)",
        "insert into $T values (null)",
        "alter table $T add primary key (a)",
    ),
    Case(
        "primary key by an index",
        "create table $T (a int); create unique index $T_i on $T (a)",
        "insert into $T values (1)",
        "insert into $T values (null)",
        "alter table $T add primary key using index $T_i",
    ),
    Case(
        "not null",
        PLAIN,
        "insert into $T values (1, 1)",
        "insert into $T values (9, null)",
        "alter table $T alter a set not null",
    ),
    Case(
        "new column that must not be null",
        PLAIN,
        "select 1",
        "insert into $T values (9)",
        "alter table $T add column x int not null",
    ),
    Case(
        "new unique column with a default",
        PLAIN,
        "insert into $T values (1)",
        "insert into $T values (9)",
        "alter table $T add column x int default 5 unique",
    ),
    Case("foreign key", PAIR, PARENTS, "insert into $T values (9, 7)", "alter table $T add foreign key (p) references $P"),
    Case(
        "foreign key to another key",
        PAIR,
        "insert into $P values (1, 'x'); insert into $T values (1, 1, 1, 'x')",
        "insert into $T values (9, 1, 1, 'z')",
        "alter table $T add foreign key (c) references $P (k)",
    ),
    Case(
        "foreign key over two columns, all or none",
        "create table $P (a int, b int, primary key (a, b)); create table $T (a int, b int)",
        "insert into $P values (1, 1); insert into $T values (1, 1), (null, null)",
        "insert into $T values (1, null)",
        "alter table $T add foreign key (a, b) references $P match full",
    ),
    Case(
        "validate a foreign key",
        PAIR + "; alter table $T add constraint fk foreign key (p) references $P not valid",
        PARENTS,
        "alter table $T drop constraint fk; insert into $T values (9, 7);"
        "alter table $T add constraint fk foreign key (p) references $P not valid",
        "alter table $T validate constraint fk",
    ),
    Case(
        "exclusion",
        "create table $T (id int, r int4range)",
        "insert into $T values (1, '[1,3)'), (2, '[3,5)'), (3, null)",
        "insert into $T values (9, '[2,4)')",
        "alter table $T add exclude using gist (r with &&)",
    ),
    Case(
        "shorter text",
        PLAIN,
        GOOD + "; update $T set c = 'abc  ' where id = 1",
        "insert into $T values (9, 1, 1, 'abcdef')",
        "alter table $T alter c type varchar(4)",
    ),
    Case("number as short text", PLAIN, GOOD, "insert into $T values (9, 12345)", "alter table $T alter a type varchar(3)"),
    Case("smaller integer", PLAIN, GOOD, "insert into $T values (9, 100000)", "alter table $T alter a type smallint"),
    Case(
        "text becomes a number",
        PLAIN,
        "insert into $T values (1, 1, 1, '12'), (2, 2, 2, null)",
        "insert into $T values (9, 1, 1, 'x')",
        "alter table $T alter c type int using c::int",
    ),
    Case(
        "number of few digits",
        "create table $T (n numeric)",
        "insert into $T values (99.99), (-1), (null)",
        "insert into $T values (99.996)",
        "alter table $T alter n type numeric(4, 2)",
    ),
    Case(
        "text becomes a uuid",
        PLAIN,
        "insert into $T values (1, 1, 1, '00000000-0000-0000-0000-000000000001')",
        "insert into $T values (9, 1, 1, 'x')",
        "alter table $T alter c type uuid using c::uuid",
    ),
    Case(
        "text becomes an enum of the script's",
        PLAIN,
        "insert into $T values (1, 1, 1, 'x'), (2, 2, 2, null)",
        "insert into $T values (9, 1, 1, 'z')",
        "create type $E as enum ('x', 'y'); alter table $T alter c type $E using c::$E",
    ),
    Case(
        "computed from text",
        PLAIN,
        "insert into $T values (1, 1, 1, 'a-1')",
        "insert into $T values (9, 1, 1, 'a-b')",
        "alter table $T alter c type int using split_part(c, '-', 2)::int",
    ),
    Case(
        "attach a range",
        "create table $P (at date) partition by range (at); create table $T (at date)",
        "insert into $T values ('2024-01-01'), ('2024-12-31')",
        "insert into $T values ('2025-01-01')",
        "alter table $P attach partition $T for values from ('2024-01-01') to ('2025-01-01')",
    ),
    Case(
        "attach a list",
        "create table $P (k text) partition by list (k); create table $T (k text)",
        "insert into $T values ('a'), ('b')",
        "insert into $T values ('c')",
        "alter table $P attach partition $T for values in ('a', 'b')",
    ),
    Case(
        "attach a hash",
        "create table $P (k int) partition by hash (k); create table $T (k int)",
        "select 1",
        "insert into $T select i from generate_series(1, 20) i",
        "alter table $P attach partition $T for values with (modulus 2, remainder 0)",
    ),
    Case(
        "new partition beside a default one",
        "create table $P (at date) partition by range (at); create table $T partition of $P default",
        "insert into $P values ('2024-01-01')",
        "insert into $P values ('2025-01-01')",
        "create table $Pn partition of $P for values from ('2025-01-01') to ('2026-01-01')",
    ),
    Case(
        "attach beside a default one",
        "create table $P (k text) partition by list (k); create table $T (k text); create table $Pd partition of $P default",
        "insert into $P values ('x'), (null)",
        "insert into $P values ('a')",
        "alter table $P attach partition $T for values in ('a', 'b')",
    ),
    Case(
        "doubles are deleted by a subquery before a key",
        PLAIN,
        GOOD + "; insert into $T values (7, 1, 7)",
        "insert into $T values (9, 8), (10, 8)",
        "delete from $T where b is not null and id not in (select min(id) from $T group by a);create unique index on $T (a)",
    ),
    Case(
        "filled from another table before it must not be null",
        PAIR,
        PARENTS.replace("(2, null, 2, null)", "(2, null, 2, 'y')").replace("1, 'a')", "1, 'x')"),
        "insert into $T values (9, 1, 1, 'nobody')",
        "update $T set p = (select id from $P where k = $T.c); alter table $T alter p set not null",
    ),
    Case(
        "update of some rows, found in another table",
        PAIR + "; alter table $T add check (q < 5)",
        PARENTS,
        "insert into $T values (9, 2, 3)",
        "update $T set q = q + 3 where p in (select id from $P where k = 'y')",
    ),
    Case(
        "update of a key that is referred to",
        "create table $P (id int primary key, k text unique);create table $T (id int primary key, c text references $P (k))",
        "insert into $P values (1, 'x'), (2, 'y'); insert into $T values (1, 'x')",
        "insert into $T values (9, 'y')",
        "update $P set k = 'z' where id = 2",
    ),
    Case(
        "names that need quotes",
        'create table "T$T" (id int primary key, "Order" int, "user" text)',
        """insert into "T$T" values (1, 1, 'a')""",
        """insert into "T$T" values (9, 1, 'a')""",
        'alter table "T$T" add unique ("Order", "user")',
    ),
    Case(
        "a table in another schema",
        "create schema $Ds; create table $Ds.t (id int, a int)",
        "insert into $Ds.t values (1, 1)",
        "insert into $Ds.t values (9, 1)",
        "create unique index on $Ds.t (a)",
    ),
    Case(
        "text becomes a moment",
        PLAIN,
        "insert into $T values (1, 1, 1, '2024-01-01 10:00')",
        "insert into $T values (9, 1, 1, '2024-13-01')",
        "alter table $T alter c type timestamptz using c::timestamptz",
    ),
    Case(
        "text becomes a document",
        PLAIN,
        """insert into $T values (1, 1, 1, '{"a": 1}')""",
        "insert into $T values (9, 1, 1, '{a')",
        "alter table $T alter c type jsonb using c::jsonb",
    ),
    Case(
        "floating number of few digits",
        "create table $T (n float8)",
        "insert into $T values (1.5)",
        "insert into $T values (100)",
        "alter table $T alter n type numeric(4, 2)",
    ),
    Case(
        "attach a range over two columns",
        "create table $P (a int, b int) partition by range (a, b); create table $T (a int, b int)",
        "insert into $T values (1, 9), (2, 0)",
        "insert into $T values (2, 5)",
        "alter table $P attach partition $T for values from (1, 0) to (2, 5)",
    ),
    Case(
        "exclusion of some rows",
        "create table $T (id int, r int4range, live boolean)",
        "insert into $T values (1, '[1,3)', true), (2, '[2,5)', false)",
        "insert into $T values (9, '[2,4)', true)",
        "alter table $T add exclude using gist (r with &&) where (live)",
    ),
    Case(
        "insert of a query's parents",
        PAIR + "; alter table $T add foreign key (p) references $P; create table $E (id int, p int)",
        PARENTS + "; insert into $E values (7, 1)",
        "insert into $E values (8, 5)",
        "insert into $T (id, p) select id, p from $E where id > 5",
    ),
    Case(
        "a check that a script validates in another file",
        PLAIN + "; alter table $T add constraint few check (b < 9) not valid",
        GOOD,
        "alter table $T drop constraint few; insert into $T values (9, 1, 10);"
        "alter table $T add constraint few check (b < 9) not valid",
        "alter table $T rename a to z; alter table $T validate constraint few",
    ),
    Case(
        "insert that skips keys and refers to nobody",
        PAIR + "; alter table $T add foreign key (p) references $P",
        PARENTS,
        "delete from $P where id = 2",
        "insert into $T (id, p) values (9, 2) on conflict do nothing",
    ),
    Case(
        "attach to a table of the script's",
        "create table $T (at date)",
        "insert into $T values ('2024-01-01')",
        "insert into $T values ('2026-01-01')",
        "create table $P (at date) partition by range (at);"
        " alter table $P attach partition $T for values from (minvalue) to ('2025-01-01')",
    ),
    Case(
        "domain gets a check",
        "create domain $D as int; create table $T (a $D)",
        "insert into $T values (1), (null)",
        "insert into $T values (-1)",
        "alter domain $D add check (value > 0)",
    ),
    Case(
        "domain must not be null",
        "create domain $D as int; create table $T (a $D)",
        "insert into $T values (1)",
        "insert into $T values (null)",
        "alter domain $D set not null",
    ),
    Case(
        "generated column",
        PLAIN,
        GOOD,
        "insert into $T values (9, 0)",
        "alter table $T add column g int generated always as (100 / a) stored",
    ),
    Case(
        "filled before it must not be null",
        PLAIN,
        GOOD,
        "insert into $T values (9, null, null)",
        "update $T set a = b where a is null; alter table $T alter a set not null",
    ),
    Case(
        "filled with a constant after it was added",
        PLAIN,
        GOOD,
        "insert into $T values (9, null, null)",
        "alter table $T add x int; update $T set x = b; alter table $T alter x set not null",
    ),
    Case(
        "doubles are deleted before a key",
        PLAIN,
        GOOD + "; insert into $T values (7, -1), (8, -1)",
        "insert into $T values (9, 1)",
        "delete from $T where a < 0; create unique index on $T (a)",
    ),
    Case(
        "renamed before a key",
        PLAIN,
        GOOD,
        "insert into $T values (9, 1)",
        "alter table $T rename column a to z; create unique index on $T (z)",
    ),
    Case(
        "update against a check",
        PLAIN + "; alter table $T add check (a < 100)",
        GOOD,
        "insert into $T values (9, 90)",
        "update $T set a = a + 10",
    ),
    Case(
        "update against a key",
        PLAIN + "; create unique index on $T (c)",
        GOOD,
        "insert into $T values (9, 1, 1, 'A')",
        "update $T set c = lower(c)",
    ),
    Case(
        "update against not null",
        "create table $T (id int, a int not null, b int)",
        "insert into $T values (1, 1, 1)",
        "insert into $T values (9, 9, null)",
        "update $T set a = b",
    ),
    Case(
        "update against a foreign key",
        PAIR + "; alter table $T add foreign key (p) references $P",
        PARENTS,
        "insert into $T values (9, 1, 7)",
        "update $T set p = q",
    ),
    Case(
        "delete of what is referred to",
        PAIR + "; alter table $T add foreign key (p) references $P",
        PARENTS,
        "insert into $T values (9, 2, 2)",
        "delete from $P where id = 2",
    ),
    Case(
        "insert of a key that is there",
        PLAIN,
        GOOD,
        "insert into $T values (9)",
        "insert into $T (id, c) values (8, 'x'), (9, 'y')",
    ),
    Case(
        "insert that refers to nobody",
        PAIR + "; alter table $T add foreign key (p) references $P",
        PARENTS,
        "delete from $P where id = 2",
        "insert into $T (id, p) values (9, 2)",
    ),
    Case(
        "insert of a query's nulls",
        PLAIN + "; create table $P (id int primary key, a int not null)",
        GOOD.replace("null, 3", "3, 3"),
        "insert into $T values (9, null)",
        "insert into $P (id, a) select id, a from $T",
    ),
    Case(
        "insert of a query's keys",
        PLAIN + "; create table $P (id int primary key, a int)",
        GOOD,
        "insert into $P values (2, 2)",
        "insert into $P (id, a) select id, a from $T",
    ),
    Case(
        "events of a trigger are pending",
        PAIR + "; alter table $T add foreign key (p) references $P deferrable initially deferred",
        PARENTS,
        "insert into $T values (9, 1, -5)",
        "update $T set p = 2 where q < 0; alter table $T add column x int",
    ),
    Case(
        "elements of an array become shorter",
        "create table $T (c text[])",
        "insert into $T values ('{a,b}'), (null)",
        "insert into $T values ('{abcdef}')",
        "alter table $T alter column c type varchar(3)[]",
    ),
    Case(
        "numbers of an array become smaller",
        "create table $T (c bigint[])",
        "insert into $T values ('{1,2}')",
        "insert into $T values ('{3000000000}')",
        "alter table $T alter column c type integer[]",
    ),
    Case(
        "number becomes a domain's",
        "create domain $D as int check (value > 0); create table $T (n int)",
        "insert into $T values (1), (null)",
        "insert into $T values (-1)",
        "alter table $T alter column n type $D",
    ),
    Case(
        "a domain's constraint is validated later",
        "create domain $D as int; create table $T (a $D, b int)",
        "insert into $T values (1, 1)",
        "insert into $T values (-1, 1)",
        "alter domain $D add constraint pos check (value > 0) not valid; alter domain $D validate constraint pos",
    ),
    Case(
        "attach a range that is open in one of two columns",
        "create table $P (a int, b int) partition by range (a, b); create table $T (a int, b int)",
        "insert into $T values (1, -5), (2, 99)",
        "insert into $T values (3, 1)",
        "alter table $P attach partition $T for values from (1, minvalue) to (2, maxvalue)",
    ),
    Case(
        "generated column that is too short",
        PLAIN,
        "insert into $T values (1, 1, 1, 'abc')",
        "insert into $T values (9, 1, 1, 'abcdefghij')",
        "alter table $T add column g varchar(5) generated always as (upper(c)) stored",
    ),
    Case(
        "foreign key in another order",
        "create table $P (a int, b int, primary key (a, b)); create table $T (x int, y int)",
        "insert into $P values (1, 2); insert into $T values (2, 1)",
        "insert into $T values (1, 2)",
        "alter table $T add foreign key (x, y) references $P (b, a)",
    ),
    Case(
        "enum made anew without a label",
        "create type $E as enum ('x', 'y', 'w'); create table $T (c $E)",
        "insert into $T values ('x'), ('w')",
        "insert into $T values ('y')",
        "update $T set c = 'x' where c = 'w'; alter type $E rename to $En; create type $E as enum ('x', 'z');"
        " alter table $T alter column c type $E using c::text::$E",
    ),
    Case(
        "enum with capitals made anew without a label",
        """create type "E$T" as enum ('x', 'y'); create table $T (c "E$T")""",
        "insert into $T values ('x')",
        "insert into $T values ('y')",
        """create type public."E$T_n" as enum ('x');"""
        """ alter table $T alter c type public."E$T_n" using c::text::public."E$T_n";"""
        """ drop type "E$T"; alter type public."E$T_n" rename to "E$T\"""",
    ),
    Case(
        "literals of a query as keys of another type than text",
        "create table $P (k date primary key); create table $T (id uuid primary key, k date references $P)",
        "insert into $P values ('2026-01-01')",
        "insert into $T values ('00000000-0000-0000-0000-000000000002')",
        "insert into $T (id, k) select '00000000-0000-0000-0000-000000000002', '2026-01-01'",
    ),
    Case(
        "unique key of a partitioned table",
        "create table $T (a int, b int) partition by list (a); create table $Tx partition of $T for values in (1);"
        " create table $Ty partition of $T for values in (2)",
        "insert into $T values (1, 1), (2, 1)",
        "insert into $T values (2, 1)",
        "alter table $T add unique (a, b)",
    ),
)
