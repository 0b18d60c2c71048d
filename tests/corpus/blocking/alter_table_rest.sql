-- ALTER TABLE: everything that is neither a column nor a constraint.
--! rename a table
alter table plain rename to simple;
--! move a table to another schema
alter table plain set schema lab;
--! owner of a table
create role corpus_owner;
alter table plain owner to corpus_owner;
--! enable a trigger
alter table watched enable trigger watched_rows;
--! disable a trigger
alter table watched disable trigger watched_rows;
--! disable all triggers, those of foreign keys too
alter table orders disable trigger all;
--! enable a trigger always
alter table watched enable always trigger watched_rows;
--! enable a trigger on replicas
alter table watched enable replica trigger watched_rows;
--! disable a rule
alter table old_names disable rule old_names_quiet;
--! enable a rule always
alter table old_names enable always rule old_names_quiet;
--! enable row security
alter table plain enable row level security;
--! disable row security
alter table secrets disable row level security;
--! force row security
alter table secrets force row level security;
--! no longer force row security
alter table secrets no force row level security;
--! mark an index for CLUSTER
alter table plain cluster on plain_pkey;
--! forget the index for CLUSTER
alter table plain set without cluster;
--! set unlogged
alter table loose set unlogged;
--! set logged
alter table scratch set logged;
--! set a storage parameter
alter table plain set (fillfactor = 70);
--! set autovacuum's parameters
alter table plain set (autovacuum_vacuum_scale_factor = 0.01, toast.autovacuum_enabled = off);
--! set parallel workers
alter table plain set (parallel_workers = 4);
--! reset a parameter
alter table plain reset (fillfactor);
--! set a catalog table option
alter table plain set (user_catalog_table = true);
--! inherit
create table whales (id int not null, name text);
alter table whales inherit creatures;
--! no longer inherit
alter table fish no inherit creatures;
--! of a type
create type pair as (id int, label text);
alter table loose of pair;
--! replica identity full
alter table plain replica identity full;
--! replica identity by an index
alter table regions alter column name set not null, replica identity using index regions_name_key;
--! tablespace
alter table plain set tablespace pg_default;
--! access method
alter table plain set access method heap;
--! without oids
alter table plain set without oids;
--! a table that is not there
alter table if exists nothing add column c int;
--! several subcommands of different strength
alter table plain alter column label set statistics 100, add constraint c check (n >= 0) not valid;
--! several harmless subcommands
alter table plain alter column label set statistics 100, set (parallel_workers = 2);
--! only the parent
alter table only creatures alter column name set default 'x';
--! a view by ALTER TABLE
alter table customer_names rename to names_of_customers;
--! all tables of a tablespace
alter table all in tablespace pg_default owned by current_user set tablespace pg_default;
