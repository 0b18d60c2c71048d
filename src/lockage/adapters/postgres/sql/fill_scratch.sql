-- Tables of a calibration, in the schema that search_path names first; %(rows)s rows in the first.
-- Privilege: CREATE on the schema. Cost: 40 ms and 7 MB for 20 000 rows.
create table source with (autovacuum_enabled = off) as
select g::bigint as id, (g %% 1000)::integer as n, (g * 7919 %% 200)::integer as owner,
       md5(g::text) collate "C" as token, repeat(md5(g::text), 2) as note
  from generate_series(1, %(rows)s) as g /* lockage */;
create table bare (like source) with (autovacuum_enabled = off) /* lockage */;
create table one (like source, primary key (id)) with (autovacuum_enabled = off) /* lockage */;
create table three (like source, primary key (id), unique (token)) with (autovacuum_enabled = off) /* lockage */;
create index on three (owner) /* lockage */;
create table parents with (autovacuum_enabled = off) as select g as id from generate_series(0, 199) as g /* lockage */;
alter table parents add primary key (id) /* lockage */;
create table children (id bigint, owner integer references parents) with (autovacuum_enabled = off) /* lockage */;
create table tiny with (autovacuum_enabled = off) as select 1 as n /* lockage */
