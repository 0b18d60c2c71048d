-- Code inside statements.
--! block with a change of a table
do $$ begin alter table plain add column c int; end $$;
--! block with a condition on the catalog that holds
do $$ begin
  if exists (select from pg_class where relname = 'plain') then alter table plain add column c int; end if;
end $$;
--! block with a condition on the catalog that does not hold
do $$ begin
  if exists (select from pg_class where relname = 'nothing') then alter table plain add column c int; end if;
end $$;
--! block that catches
do $$ begin
  alter table plain add column label text;
exception when duplicate_column then raise notice 'there';
end $$;
--! block that catches nothing
do $$ begin
  alter table plain add column c text;
exception when duplicate_column then null;
end $$;
--! block that takes a lock and gives it back
do $$ begin
  begin
    lock table settings in exclusive mode;
    perform 1 / 0;
  exception when division_by_zero then null;
  end;
end $$;
--! block with dynamic SQL
do $$ begin execute 'alter table plain add column c int'; end $$;
--! block with dynamic SQL by format
do $$ declare t text := 'settings'; begin execute format('alter table %I add column c int', t); end $$;
--! block over the catalog
do $$ declare r record; begin
  for r in select relname from pg_class where relname in ('plain', 'settings') loop
    execute format('alter table %I set (fillfactor = 90)', r.relname);
    execute format('create index on %I ((1))', r.relname);
  end loop;
end $$;
--! block over rows
do $$ declare r record; begin
  for r in select id from plain loop
    update settings set value = 'x' where key = 'k' || r.id;
  end loop;
end $$;
--! block that batches
do $$ declare done int; begin
  loop
    update plain set n = 5 where id in (select id from plain where n < 5 limit 2);
    get diagnostics done = row_count;
    exit when done = 0;
  end loop;
end $$;
--! block that branches on rows
do $$ begin
  if exists (select from settings) then update plain set label = 'x'; end if;
end $$;
--! function that changes a row
select touch_plain(1);
--! function that changes rows in SQL
select change_plain();
--! function that only reads
select count_plain();
--! function over rows of a table
select touch_plain(id) from settings join plain on true;
--! function that calls another
select deep_change();
--! function that renames
select rename_table('settings');
--! function made and called
create function fresh() returns void language plpgsql as $$ begin update loose set label = 'x'; end $$;
select fresh();
--! procedure that commits [outside]
call batches();
--! block with an insert that returns
do $$ declare i bigint; begin
  insert into orders (customer_id) values (2) returning id into i;
  insert into lines values (900, i, 1, 1);
end $$;
--! prepared statement
prepare change as update plain set label = $1;
execute change ('x');
--! cursor
declare c cursor for select * from plain for update;
fetch all from c;
--! explain
explain update plain set label = 'x';
--! explain analyze
explain analyze update plain set label = 'x';
--! search path
set local search_path = lab, public;
alter table things add column c int;
--! foreign keys switched off
set local session_replication_role = replica;
delete from customers;
--! event trigger
create function fresh() returns event_trigger language plpgsql as $$ begin update settings set value = 'x'; end $$;
create event trigger fresh on ddl_command_end execute function fresh();
comment on table plain is 'x';
