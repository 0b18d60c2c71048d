-- What other people's migrations do.
--! change a table that a check reads through a function
alter table more.kinds add column c int;
--! rows of a table that a check reads through a function
update more.kinds set name = 'x';
--! change a table that a default writes through a function
alter table more.counters add column c int;
--! rows of a table that a default writes through a function
update more.counters set value = 0 where name = 'codes';
--! lock a parent of what a trigger fills through a function
lock table more.kinds in exclusive mode;
--! lock what a trigger fills through a function
lock table more.seen in share mode;
--! rows of a parent that a trigger's rows refer to
delete from more.kinds where id = 3;
--! replace a function in an index
create or replace function more.title_of(which int) returns text language sql immutable as 'select null';
--! replace a function in a default
create or replace function more.next_code() returns int language sql as 'select 1';
--! change a table behind a view with triggers instead
alter table more.base add column c int;
--! rows of a table behind a view with triggers instead
update more.base set n = 3;
--! update through a view with triggers instead
update more.over_base set label = 'x' where id = 2;
--! insert through a view with triggers instead
insert into more.over_base values (900, 'x', 1);
--! drop a trigger instead
drop trigger over_base_written on more.over_base;
--! update with a conditional trigger of one column
update more.audited set label = 'x';
--! update beside the column of a trigger
update more.audited set id = id + 100 where id > 2;
--! delete with set null in a table that a trigger fills
delete from more.audited where id = 1;
--! lock what a conditional trigger writes to
lock table more.audits in share mode;
--! key of two columns with cascade
update more.pairs set a = a + 100 where a = 1;
--! delete a pair that sets one column null
delete from more.pairs where a = 3;
--! swap places under a late unique key
update more.ranked set place = 3 - place where place in (1, 2);
--! check a late unique key now
update more.ranked set place = place + 10;
set constraints all immediate;
--! drop a late unique key
alter table more.ranked drop constraint ranked_place;
--! update that a rule leads elsewhere
update more.renamed set label = 'x' where id = 2;
--! lock what a rule leads to
lock table more.base in exclusive mode;
--! drop a rule instead
drop rule renamed_elsewhere on more.renamed;
--! take a job from a queue
update more.queue set state = 'busy' where id = (select id from more.queue where state = 'new' order by id for update skip locked limit 1);
--! restart a sequence of two tables
alter sequence more.queue_id_seq restart with 1000;
--! change the type of a sequence of two tables
alter sequence more.queue_id_seq as bigint cache 10;
--! setval to the largest
select setval('more.queue_id_seq', (select max(id) from more.queue));
--! drop a table whose sequence another uses
drop table more.queue cascade;
--! attach with an index and a foreign key to come
alter table more.events attach partition more.events_fr for values in ('fr');
--! attach behind keys made before
create index on more.events_fr (base_id);
alter table more.events_fr add foreign key (base_id) references more.base (id);
alter table more.events attach partition more.events_fr for values in ('fr');
--! detach and attach again
alter table more.events detach partition more.events_de;
alter table more.events attach partition more.events_de for values in ('de', 'at');
--! detach a partition of a partition
alter table more.events_rest detach partition more.events_rest_1;
--! split a default partition
alter table more.events_rest detach partition more.events_rest_2;
create table more.events_rest_3 partition of more.events_rest for values from (10000000) to (30000000);
insert into more.events select * from more.events_rest_2;
drop table more.events_rest_2;
--! truncate a partition of a partition
truncate more.events_rest_1;
--! insert with a trigger of a partitioned table
insert into more.events values (900, 'de', 1, 'x');
--! insert into one partition
insert into more.events_de values (900, 'de', 2, 'x');
--! disable a trigger of one partition
alter table more.events_de disable trigger events_counted;
--! disable a trigger of a partitioned table
alter table more.events disable trigger events_counted;
--! drop a trigger of a partitioned table
drop trigger events_counted on more.events;
--! trigger for one partition
create trigger counted_again after update on more.events_de for each row execute function more.count_event();
--! update that moves a row over two levels
update more.events set land = 'de' where id = 2;
--! delete from a partition of a partition
delete from more.events_rest_1 where id = 2;
--! foreign key from one partition
alter table more.events_de add foreign key (id) references more.base (id) not valid;
--! index of a partitioned table with partitions below
create index on more.events (note);
--! unique index of partitions
create unique index on more.events_rest (id);
--! replica identity of a partition
alter table more.events_de replica identity full;
--! cluster by an index
cluster more.queue using queue_pkey;
--! add a value to an enum in an array
alter type status add value 'lost' before 'sent';
--! rename an enum of two tables
alter type status rename to states;
--! attribute of a type in an array
alter type size add attribute depth int;
--! rename an attribute of a type
alter type size rename attribute width to breadth cascade;
--! check of a domain with rows
alter domain more.short add constraint shorter check (length(value) < 40);
--! check of a domain with rows, not valid
alter domain more.short add constraint shorter check (length(value) < 40) not valid;
--! type to a domain with a check
alter table more.kinds alter column name type more.short;
--! drop a domain with its columns
drop domain more.short cascade;
--! replace a function in a check
create or replace function more.known(which int) returns boolean language sql stable as 'select true';
--! drop a function with what hangs on it
drop function more.known(int) cascade;
--! refresh a view of a view
refresh materialized view more.sums_of_sums;
--! refresh the lower of two views
refresh materialized view more.base_sums;
--! drop the lower of two views
drop materialized view more.base_sums cascade;
--! index on a view of sums, then refresh beside readers
create unique index on more.base_sums (n);
refresh materialized view concurrently more.base_sums;
--! column of heirs over two levels
alter table more.parent add column c int;
--! drop a column of heirs over two levels
alter table more.parent drop column label;
--! update of heirs over two levels
update more.parent set label = 'x';
--! disinherit a child with a child
alter table more.child no inherit more.parent;
--! check of an heir alone
alter table only more.grandchild add constraint deep_enough check (deep > 0);
--! truncate a parent with heirs
truncate more.parent;
--! policy that reads another table
create policy docs_known on more.docs using (more.known(kind));
alter table more.docs enable row level security;
--! owner of a table with a sequence
alter table more.queue owner to current_user;
--! owner of a view
alter view more.known_docs owner to current_user;
--! security of a view
alter view more.known_docs set (security_barrier = true);
--! schema of a table with a sequence
alter table more.queue set schema lab;
--! schema of a type
alter type status set schema lab;
--! comments on everything
comment on table more.base is 'x';
comment on view more.over_base is 'x';
comment on index more.events_base is 'x';
comment on function more.known(int) is 'x';
comment on trigger events_counted on more.events is 'x';
comment on schema more is 'x';
--! statistics of an expression
create statistics more.base_half on (n / 2) from more.base;
--! target of statistics
alter statistics more.docs_stats set statistics 500;
--! drop statistics of a table
drop statistics more.docs_stats;
--! exclusion with a range
create extension btree_gist;
alter table more.base add constraint apart exclude using gist (n with =);
--! exclusion by a block
do $$ begin
  alter table more.base add constraint apart exclude using btree (id with =);
end $$;
--! generated column of a generated value
alter table more.base add column half int generated always as (n / 2) stored, add column quarter int;
--! identity instead of serial
alter table more.queue alter column id drop default;
drop sequence more.queue_id_seq cascade;
alter table more.queue alter column id add generated by default as identity;
--! serial to bigserial
alter table products alter column id type bigint;
alter sequence products_id_seq as bigint;
--! key anew with another column
alter table more.docs drop constraint docs_pkey;
alter table more.docs add primary key (id, title);
--! key of a referred table anew
alter table more.base drop constraint base_pkey cascade;
alter table more.base add primary key (id);
alter table more.events add foreign key (base_id) references more.base (id);
--! unique index instead of the key that others refer to [18]
create unique index base_again on more.base (id);
alter table more.events add foreign key (base_id) references more.base (id) not valid;
--! table rebuilt under its name
create table more.base_new (like more.base including all);
insert into more.base_new select * from more.base;
drop table more.base cascade;
alter table more.base_new rename to base;
--! seed with parents
insert into more.base values (901, 'x'), (902, 'y');
insert into more.events values (901, 'de', 901, 'x'), (902, 'de', 902, 'y');
--! seed with a parent that may be there
insert into more.base values (1, 'x') on conflict do nothing;
insert into more.events values (901, 'de', 1, 'x');
--! cursor with a lock that moves
declare c cursor for select * from more.queue where state = 'done' for update;
move 1 in c;
update more.queue set payload = '{}' where current of c;
close c;
--! lock in a block, by name
do $$ begin execute 'lock table more.base in share row exclusive mode'; end $$;
--! lock nowait
lock table only more.parent in share mode nowait;
--! block that counts and changes
do $$ declare n int; begin
  select count(*) into n from more.base;
  if n > 0 then alter table more.base alter column label set default 'x'; end if;
end $$;
--! block over partitions
do $$ declare r record; begin
  for r in select inhrelid::regclass as name from pg_inherits where inhparent = 'more.events'::regclass loop
    execute format('alter table %s alter column note set default %L', r.name, 'x');
  end loop;
end $$;
--! block that asks the information schema
do $$ begin
  if not exists (select from information_schema.columns where table_schema = 'more' and table_name = 'base' and column_name = 'c') then
    alter table more.base add column c int;
  end if;
end $$;
--! block that raises for nothing
do $$ begin
  if exists (select from more.base where n < 0) then raise exception 'negative'; end if;
  update more.base set n = 1 where id = 1;
end $$;
--! function dropped and made anew
drop function more.audit() cascade;
create function more.audit() returns trigger language plpgsql as $$ begin return new; end $$;
create trigger audited_label after update on more.audited for each row execute function more.audit();
--! grant to everybody in a schema
grant select on all tables in schema more to public;
grant usage on schema more to public;
--! revoke execution
revoke execute on all functions in schema more from public;
--! parameters of a partition
alter table more.events_de set (fillfactor = 80, autovacuum_enabled = false);
--! toast of a table
alter table more.docs set (toast.autovacuum_enabled = false);
--! delete and insert the same key
delete from more.ranked where id = 2;
insert into more.ranked values (2, 9);
--! update by a join of three
update more.docs d set title = k.name from more.kinds k join more.base b on b.id = k.id where k.id = d.kind and b.n > 1;
--! delete by a subquery with a constant
delete from more.events where base_id = 2 and land = 'de';
--! merge into a partitioned table
merge into more.events e using more.base b on e.base_id = b.id and e.id = 3 when matched then update set note = b.label;
--! rows of one land locked
select * from more.events where land = 'de' for share;
--! drop an index that serves a key elsewhere
drop index more.queue_new;
--! vacuum a partitioned table [outside]
vacuum analyze more.events;
--! index of a partition beside readers [outside]
create index concurrently on more.events_de (note);
--! detach beside readers [outside]
alter table deep_1 detach partition deep_1_1 concurrently;
--! reindex a partition of a partition [outside]
reindex table concurrently more.events_rest_1;
--! block that changes two rows by their keys
do $$ begin
  update more.counters set value = 5 where name = 'other';
  update more.counters set value = 5 where name = 'codes';
end $$;
--! two rows by their keys
update more.counters set value = 5 where name = 'other';
update more.counters set value = 5 where name = 'events';
--! row by its key that nobody counts in
update more.counters set value = 5 where name = 'other';
