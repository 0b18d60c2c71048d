"""Scripts of every kind that real migrations hold, on one schema with data, for the truth about who waits."""

from __future__ import annotations

SETUP = """
create schema other;
create type mood as enum ('calm', 'busy');
create domain positive as int check (value > 0);
create table orgs (id int primary key, name text not null unique);
create table users (id int primary key, name text, email varchar(50), org_id int not null references orgs (id), age int,
                    mood mood, score positive default 1);
create index users_org on users (org_id);
create table keys (id int primary key, user_id int not null references users (id) on delete cascade, scope text, uses int);
create index keys_scope on keys (scope);
create table notes (id int primary key, user_id int references users (id) on delete set null, body text);
create table tags (id int primary key, label text);
create table lonely (id serial primary key, label text, amount int not null default 0);
create table events (id int, day int not null, kind text, primary key (id, day)) partition by range (day);
create table events_1 partition of events for values from (1) to (10);
create table events_2 partition of events for values from (10) to (20);
create table events_rest partition of events default;
create table animals (id int primary key, name text);
create table dogs (breed text, primary key (id)) inherits (animals);
create view user_names as select id, name from users;
create view user_keys as select k.id, u.name, k.scope from users u join keys k on k.user_id = u.id;
create view names_of_names as select * from user_names;
create materialized view key_counts as select user_id as id, count(*) as n from keys group by user_id;
create unique index key_counts_id on key_counts (id);
create table other.things (id int primary key, label text);
create table audit (id serial primary key, what text);
create function note_change() returns trigger language plpgsql as $$ begin new.name := new.name; return new; end $$;
create table touched (id int primary key, name text, touched int);
create trigger touch before update on touched for each row execute function note_change();
insert into orgs select i, 'org' || i from generate_series(1, 4) i;
insert into users select i, 'u' || i, 'e' || i, i % 4 + 1, 20 + i, 'calm', 1 from generate_series(1, 5) i;
insert into keys select i, i % 5 + 1, 'all', 0 from generate_series(1, 5) i;
insert into notes select i, i % 5 + 1, 'n' || i from generate_series(1, 5) i;
insert into tags select i, 't' || i from generate_series(1, 5) i;
insert into lonely (label) select 'l' || i from generate_series(1, 5) i;
insert into events select i, i, 'k' from generate_series(1, 25, 6) i;
insert into animals select i, 'a' || i from generate_series(1, 3) i;
insert into dogs select i, 'd' || i, 'b' from generate_series(11, 13) i;
insert into other.things select i, 'x' from generate_series(1, 3) i;
insert into audit (what) values ('a'), ('b');
insert into touched select i, 'x', 0 from generate_series(1, 3) i;
refresh materialized view key_counts;
"""

SETUP_OF_CASE: dict[str, str] = {
    "users of a view that gives the reference": "create view whole_users as select * from users;",
    "key update that cascades": """
create table lands (code text primary key);
create table towns (id int primary key, land text references lands (code) on update cascade);
insert into lands values ('a'), ('b');
insert into towns values (1, 'a'), (2, 'b');
""",
    "update with a trigger that updates": """
create function bump() returns trigger language plpgsql as $$
begin
  update lonely set amount = amount + 1;
  return new;
end $$;
create table bumping (id int primary key, n int);
create trigger bump after update on bumping for each row execute function bump();
insert into bumping select i, 0 from generate_series(1, 3) i;
""",
}

CASES: dict[str, tuple[str, ...]] = {
    "add column": ("alter table users add column a int",),
    "add column with volatile default": ("alter table lonely add column a uuid default gen_random_uuid()",),
    "drop column": ("alter table lonely drop column label",),
    "full update": ("update tags set label = 'x'",),
    "update of a referring column": ("update keys set user_id = 1",),
    "update of a column beside a reference": ("update keys set scope = 'x'",),
    "update of a referred table": ("update users set name = 'x'",),
    "update of one row": ("update tags set label = 'x' where id = 1",),
    "delete all": ("delete from tags",),
    "delete with cascade and set null": ("delete from users",),
    "delete of children": ("delete from keys",),
    "insert without parents": ("insert into tags values (77, 'x')",),
    "insert with a parent": ("insert into keys values (77, 1, 'x', 0)",),
    "insert with a null parent": ("insert into notes values (77, null, 'x')",),
    "insert without the referring column": ("insert into notes (id, body) values (77, 'x')",),
    "insert from select": ("insert into notes select id + 100, user_id, scope from keys",),
    "upsert": ("insert into tags values (1, 'x') on conflict (id) do update set label = 'y'",),
    "do nothing on conflict": ("insert into tags values (1, 'x') on conflict do nothing",),
    "add foreign key": ("alter table tags add column u int references users (id)",),
    "add foreign key constraint": ("alter table tags add constraint f foreign key (id) references lonely (id)",),
    "add foreign key not valid": ("alter table tags add constraint f foreign key (id) references lonely (id) not valid",),
    "create table with foreign key": ("create table fresh (id int primary key, u int references users (id))",),
    "create table like": ("create table fresh (like users including all)",),
    "create table as": ("create table fresh as select * from users",),
    "drop table with foreign key": ("drop table notes",),
    "drop foreign key": ("alter table notes drop constraint notes_user_id_fkey",),
    "drop table cascade": ("drop table users cascade",),
    "drop view": ("drop view names_of_names",),
    "replace view": ("create or replace view user_names as select id, name from users where id > 0",),
    "remake view": ("drop view user_keys", "create view user_keys as select id, 'x' as name, scope from keys"),
    "create view": ("create view fresh as select * from users",),
    "rename view": ("alter view user_keys rename to uk",),
    "create index": ("create index on users (age)",),
    "create unique index": ("create unique index on tags (label)",),
    "drop index": ("drop index keys_scope",),
    "reindex index": ("reindex index keys_scope",),
    "reindex table": ("reindex table keys",),
    "rename index": ("alter index keys_scope rename to ks",),
    "index storage": ("alter index keys_scope set (fillfactor = 70)",),
    "not null": ("alter table users alter column age set not null",),
    "drop not null": ("alter table lonely alter column amount drop not null",),
    "check": ("alter table users add constraint c check (age > 0)",),
    "check not valid": ("alter table users add constraint c check (age > 0) not valid",),
    "check then validate": (
        "alter table users add constraint c check (age > 0) not valid",
        "alter table users validate constraint c",
    ),
    "validate in a block of its own": ("alter table tags add constraint f foreign key (id) references lonely (id) not valid",),
    "type rewrite": ("alter table users alter column age type bigint",),
    "type widening": ("alter table users alter column email type varchar(80)",),
    "type to text": ("alter table users alter column email type text",),
    "set default": ("alter table tags alter column label set default 'x'",),
    "statistics": ("alter table tags alter column label set statistics 200",),
    "storage parameter": ("alter table tags set (fillfactor = 80)",),
    "autovacuum parameter": ("alter table tags set (autovacuum_enabled = false)",),
    "set unlogged": ("alter table lonely set unlogged",),
    "owner": ("alter table tags owner to current_user",),
    "rename table": ("alter table tags rename to labels",),
    "rename column": ("alter table tags rename column label to name",),
    "set schema": ("alter table tags set schema other",),
    "enum add value": ("alter type mood add value 'wild'",),
    "enum rename value": ("alter type mood rename value 'busy' to 'active'",),
    "domain constraint": ("alter domain positive add constraint small check (value < 1000)",),
    "create trigger": ("create trigger t before update on tags for each row execute function note_change()",),
    "drop trigger": ("drop trigger touch on touched",),
    "disable trigger": ("alter table touched disable trigger touch",),
    "comment on table": ("comment on table tags is 'x'",),
    "comment on column": ("comment on column tags.label is 'x'",),
    "grant": ("grant select on tags to public",),
    "row security": ("alter table tags enable row level security",),
    "policy": ("create policy p on tags using (true)",),
    "alter sequence": ("alter sequence lonely_id_seq restart with 1000",),
    "setval": ("select setval('lonely_id_seq', 1000)",),
    "sequence owner": ("alter sequence lonely_id_seq owned by none",),
    "truncate": ("truncate lonely",),
    "truncate cascade": ("truncate users cascade",),
    "refresh": ("refresh materialized view key_counts",),
    "refresh concurrently": ("refresh materialized view concurrently key_counts",),
    "drop materialized view": ("drop materialized view key_counts",),
    "lock share": ("lock table tags in share mode",),
    "lock exclusive": ("lock table tags in exclusive mode",),
    "lock access exclusive": ("lock table tags",),
    "lock row exclusive": ("lock table tags in row exclusive mode",),
    "lock view": ("lock table user_names in share mode",),
    "select for update": ("select * from tags for update",),
    "select for update of one row": ("select * from tags where id = 1 for update",),
    "select for share": ("select * from tags for share",),
    "select for key share": ("select * from tags for key share",),
    "select": ("select count(*) from users",),
    "analyze": ("analyze users",),
    "cluster": ("cluster keys using keys_pkey",),
    "root add column": ("alter table events add column x int",),
    "root only constraint": ("alter table only events alter column kind set default 'x'",),
    "partition trigger": ("create trigger t before update on events for each row execute function note_change()",),
    "add partition": ("create table events_3 partition of events for values from (30) to (40)",),
    "detach partition": ("alter table events detach partition events_1",),
    "drop partition": ("drop table events_1",),
    "attach partition": (
        "create table events_4 (like events including all)",
        "alter table events attach partition events_4 for values from (40) to (50)",
    ),
    "root index": ("create index on events (kind)",),
    "partition index": ("create index on events_1 (kind)",),
    "partition lock": ("lock table events_2 in access exclusive mode",),
    "root lock only": ("lock table only events in access exclusive mode",),
    "root update": ("update events set kind = 'y'",),
    "partition update": ("update events_1 set kind = 'y'",),
    "root insert": ("insert into events values (77, 2, 'y')",),
    "root delete": ("delete from events where day = 1",),
    "parent update": ("update animals set name = 'x'",),
    "parent only update": ("update only animals set name = 'x'",),
    "heir alter": ("alter table dogs add column x int",),
    "parent alter": ("alter table animals add column x int",),
    "do block": ("do $$ begin alter table tags add column z int; update lonely set amount = 1; end $$",),
    "do block with dynamic sql": ("do $$ begin execute 'alter table tags add column z int'; end $$",),
    "do block over the catalog": (
        "do $$ declare t text; begin for t in select tablename from pg_tables where schemaname = 'other' loop"
        " execute format('alter table other.%I add column z int', t); end loop; end $$",
    ),
    "do block with a caught failure": (
        "do $$ begin begin create table tags (id int); exception when duplicate_table then null; end; end $$",
    ),
    "function with an update": (
        "create function f() returns void language sql as 'update tags set label = ''z'''",
        "select f()",
    ),
    "function of plpgsql": (
        "create function f() returns void language plpgsql as $$ begin update tags set label = 'z'; end $$",
        "select f()",
    ),
    "update through view": ("update user_names set name = 'z'",),
    "update with cte": ("with d as (delete from tags returning id) insert into lonely (label) select id::text from d",),
    "update from": ("update keys set scope = u.name from users u where u.id = keys.user_id",),
    "update with a harmless trigger": ("update touched set touched = 1",),
    "update with a trigger that updates": ("update bumping set n = 1",),
    "merge": (
        "merge into tags using lonely l on l.id = tags.id when matched then update set label = 'm'"
        " when not matched then insert values (l.id, 'm')",
    ),
    "rolled back to a savepoint": (
        "savepoint s",
        "alter table tags add column z int",
        "rollback to s",
        "update lonely set amount = 2",
    ),
    "rows rolled back to a savepoint": ("savepoint s", "update tags set label = 'q'", "rollback to savepoint s"),
    "swap of tables": (
        "create table tags_new (like tags including all)",
        "alter table tags rename to tags_old",
        "alter table tags_new rename to tags",
    ),
    "drop and make anew": ("drop table tags", "create table tags (id int primary key)", "create index on tags (id)"),
    "if not exists": (
        "alter table tags add column if not exists label text",
        "create index if not exists keys_scope on keys (id)",
    ),
    "drop if exists": ("drop table if exists nothing", "alter table if exists nothing add column x int"),
    "temporary shadow": ("create temp table tags (id int)", "alter table tags add column x int", "update tags set x = 1"),
    "add primary key": ("create table fresh (id int)", "alter table fresh add primary key (id)"),
    "add unique": ("alter table tags add unique (label)",),
    "add unique using index": ("create unique index tl on tags (label)", "alter table tags add unique using index tl"),
    "generated column": ("alter table tags add column g int generated always as (id * 2) stored",),
    "identity": ("alter table tags alter column id add generated by default as identity (start 100)",),
    "extended statistics": ("create statistics st on id, label from tags",),
    "rule": ("create rule r as on delete to tags do instead nothing",),
    "inherit": ("create table cats (breed text) inherits (animals)",),
    "replica identity": ("alter table tags replica identity full",),
    "drop schema": ("drop schema other cascade",),
    "drop type": ("alter table users drop column mood", "drop type mood"),
    "rename type": ("alter type mood rename to feeling",),
    "create extension": ("create extension if not exists pg_trgm",),
    "trigram index": ("create extension if not exists pg_trgm", "create index on tags using gin (label gin_trgm_ops)"),
    "alter default of parent then update": ("alter table users add column c int", "update users set c = 1 where c is null"),
    "copy-free import": ("insert into users select id + 100, name, email, org_id, age, mood, score from users",),
    "key update": ("update tags set id = id + 50",),
    "key update that cascades": ("update lands set code = code || 'x'",),
    "insert of a row without a parent's row here": ("insert into keys (id, user_id) values (77, 3)",),
    "deferred constraint": (
        "alter table tags add constraint f foreign key (id) references lonely (id) deferrable initially deferred",
        "insert into tags values (5, 'x') on conflict do nothing",
    ),
}

CASES |= {
    "users of a view that gives the reference": ("lock table orgs",),
    "exclusion constraint": ("alter table tags add exclude (id with =)",),
    "composite type used by a table": ("create type pair as (a int, b int)", "alter type pair add attribute c int"),
    "index on only the root": ("create index on only events (kind)",),
    "attach an index": (
        "create index root_kind on only events (kind)",
        "create index part_kind on events_1 (kind)",
        "alter index root_kind attach partition part_kind",
    ),
    "inherit an existing table": ("create table cats (id int not null, name text)", "alter table cats inherit animals"),
    "no inherit": ("alter table dogs no inherit animals",),
    "root primary key": ("create table fresh (id int) partition by range (id)", "alter table fresh add primary key (id)"),
    "root unique": ("alter table events add unique (id, day, kind)",),
    "root foreign key": ("alter table events add foreign key (id) references orgs (id) not valid",),
    "foreign key to a partitioned table": (
        "create table fresh (id int, day int, foreign key (id, day) references events (id, day))",
    ),
    "drop the root": ("drop table events",),
    "truncate the root": ("truncate events",),
    "truncate a partition": ("truncate events_1",),
    "truncate restarting": ("truncate lonely restart identity",),
    "partition constraint": ("alter table events_1 add constraint c check (kind <> 'zz')",),
    "partition default": ("alter table events_1 alter column kind set default 'z'",),
    "drop constraint": ("alter table orgs drop constraint orgs_name_key",),
    "drop primary key": ("alter table tags drop constraint tags_pkey",),
    "drop referred primary key": ("alter table orgs drop constraint orgs_pkey cascade",),
    "rename constraint": ("alter table orgs rename constraint orgs_name_key to n",),
    "alter constraint": ("alter table keys alter constraint keys_user_id_fkey deferrable",),
    "disable all triggers": ("alter table keys disable trigger all",),
    "view with options": ("alter view user_names set (security_barrier = true)",),
    "view column": ("create or replace view user_names as select id, name, age from users",),
    "recursive chain of views": ("drop view user_names cascade",),
    "rename matview": ("alter materialized view key_counts rename to kc",),
    "matview index": ("create index on key_counts (n)",),
    "grant on all": ("grant select on all tables in schema public to public",),
    "revoke": ("revoke all on tags from public",),
    "security label free": ("alter table tags cluster on tags_pkey",),
    "set logged": ("alter table tags set logged",),
    "set access method": ("alter table tags set access method heap",),
    "toast options": ("alter table tags set (toast.autovacuum_enabled = false)",),
    "compression": ("alter table tags alter column label set compression pglz",),
    "column storage": ("alter table tags alter column label set storage external",),
    "generated column dropped": ("alter table lonely alter column amount drop default",),
    "several at once": ("alter table tags add column a int, add column b int default 3, alter column label set not null",),
    "trigger on view": (
        "create function vt() returns trigger language plpgsql as $$ begin return new; end $$",
        "create trigger t instead of insert on user_keys for each row execute function vt()",
    ),
    "replace function": (
        "create or replace function note_change() returns trigger language plpgsql as $$ begin return new; end $$",
    ),
    "drop function cascade": ("drop function note_change() cascade",),
    "event trigger": (
        "create function et() returns event_trigger language plpgsql as $$ begin end $$",
        "create event trigger e on ddl_command_end execute function et()",
        "comment on table tags is 'x'",
    ),
    "insert default values": ("insert into lonely default values",),
    "insert returning in a block": (
        "do $$ declare n int; begin insert into keys (id, user_id) values (900, 1) returning id into n;"
        " update keys set uses = n where id = 1; end $$",
    ),
    "null reference in a block": ("do $$ begin insert into notes (id, user_id) values (900, null); end $$",),
    "loop over numbers": ("do $$ begin for i in 1..3 loop insert into tags values (900 + i, 'x'); end loop; end $$",),
    "loop that updates": ("do $$ begin for i in 1..3 loop update tags set label = 'x' where id = i; end loop; end $$",),
    "exception that does not come": (
        "do $$ begin begin alter table tags add column z int; exception when duplicate_column then null; end; end $$",
    ),
    "condition on the catalog": (
        "do $$ begin if not exists (select from information_schema.columns where table_name = 'tags' and column_name = 'zz')"
        " then alter table tags add column zz int; end if; end $$",
    ),
    "search path": ("set local search_path = other", "alter table things add column x int"),
    "role": ("create role someone", "alter table tags owner to someone", "drop owned by someone"),
    "delete using": ("delete from notes using users where users.id = notes.user_id",),
    "update of a self-made column": ("alter table tags add column n int", "update tags set n = id", "create index on tags (n)"),
    "cursor": ("declare c cursor for select * from tags for update", "fetch all from c"),
    "prepared statement": ("prepare p as update tags set label = $1", "execute p ('x')"),
    "explain analyze": ("explain analyze update tags set label = 'x'",),
    "explain": ("explain update tags set label = 'x'",),
    "create table of a type": ("create type row_type as (a int)", "create table fresh of row_type"),
    "statistics object": ("alter table users alter column age set (n_distinct = 5)",),
    "publication": ("create publication pub for table tags",),
    "rename schema": ("alter schema other rename to another",),
    "rename of a column under a view": ("alter table users rename column name to full_name",),
    "not null by a check": (
        "alter table users add constraint c check (age is not null) not valid",
        "alter table users validate constraint c",
        "alter table users alter column age set not null",
    ),
}
