--! add a column that may be null
alter table orders add column source text;
--? holds
select id, total from orders where customer_id = 5 order by id desc limit 10 offset 2
--? holds
insert into orders (customer_id, total) values (1, 12.5) returning id
--? holds
update orders set total = 3 where id = 3

--! add a column with a default
alter table items add column currency text not null default 'EUR';
--? holds
insert into items (order_id, position, sku, price) values (1, 2, 'x', 1.5), (1, 3, 'y', 2.5)
--? holds
select sku, price from items where order_id = 1

--! create a table that refers
create table invoices (id bigserial primary key, order_id bigint references orders on delete cascade, total numeric);
--? holds
delete from orders where id = 5
--? holds
insert into orders (customer_id, total) values (1, 12.5)

--! create an index
create index orders_total on orders (total) where status <> 'lost';
--? holds
select id from orders where total between 10 and 20 and status = 'paid'

--! drop an index that nobody needs by name
drop index orders_customer;
--? holds
select id from orders where customer_id = 5

--! lengthen a text
alter table items alter column sku type varchar(200);
--? holds
insert into items (order_id, position, sku, price) values (1, 5, 'a-very-long-stock-keeping-unit', 1)
--? holds
select order_id from items where sku = 'sku-5'

--! widen a number that nobody reads
alter table customers alter column credit type bigint;
--? holds
insert into customers (email, credit) values ('w@example.org', 5)
--? holds
update customers set credit = credit + 10 where id = 2

--! widen a decimal that is compared
alter table items alter column price type numeric(20, 4);
--? holds
update items set price = 12.5 where order_id = 2
--? holds
select order_id from items where price > 3.5

--! add a label to an enum
alter type state add value 'returned';
--? holds
select id from orders where status = 'lost'
--? holds
insert into orders (customer_id, status) values (1, 'lost')

--! drop a column that nobody reads
alter table sessions drop column data;
--? holds
select token, expires_at from sessions where customer_id = 4
--? holds
insert into sessions (customer_id, expires_at) values (4, now() + interval '1 hour') returning token

--! drop a table that nobody reads
drop table jobs;
--? holds
select value from settings where key = 'color'

--! allow null
alter table items alter column price drop not null;
--? holds
insert into items (order_id, position, sku, price) values (1, 5, 's', 1)

--! set another default
alter table customers alter column country set default 'BE';
--? holds
insert into customers (email) values ('d@example.org')
--? holds
select country from customers where id = 1

--! rename a constraint and an index
alter table customers rename constraint customers_pkey to customers_key;
alter index customers_email rename to customers_by_email;
--? holds
insert into customers (email) values ('c1@example.org') on conflict (email) do update set name = 'again'
--? holds
select id from customers where email = 'c1@example.org'

--! drop a constraint
alter table orders drop constraint orders_customer_id_fkey;
--? holds
insert into orders (customer_id, total) values (7, 1)

--! make a check anew with more values
alter table jobs add constraint known check (queue in ('mail', 'default'));
alter table jobs drop constraint known;
--? holds
insert into jobs (queue, body) values ('mail', '{}')

--! replace a function
create or replace function order_total(which bigint) returns numeric language sql stable as
    $$ select coalesce(total, 0) from orders where id = which $$;
--? holds
select order_total(7)
--? holds
select id from orders where order_total(id) > 5

--! give a function a parameter with a default
drop function order_total(bigint);
create function order_total(which bigint, rounded boolean default false) returns numeric language sql stable as
    $$ select total from orders where id = which $$;
--? holds
select order_total(7::bigint)

--! replace a view by one with more columns
create or replace view open_orders as select id, customer_id, total, note from orders where status = 'new';
--? holds
select sum(total) from open_orders where customer_id = 1

--! rename a table behind a view
alter table settings rename to preferences;
create view settings as select key, value from preferences;
--? holds
select value from settings where key = 'color'
--? holds
update settings set value = 'green' where key = 'color'
--? holds
insert into settings (key, value) values ('k', 'v')

--! add a trigger that does no harm
create trigger touched before update on orders for each row execute function touch();
--? holds
update orders set total = 3 where id = 3
--? holds
delete from orders where id = 4

--! add a trigger that only warns
create function warn() returns trigger language plpgsql as $$ begin raise notice 'changed'; return new; end $$;
create trigger warned after insert or update on settings for each row execute function warn();
--? holds
update settings set value = 'x' where key = 'color'
--? holds
insert into settings (key, value) values ('k', 'v')

--! add a partition
create table events_2027 partition of events for values from ('2027-01-01') to ('2028-01-01');
--? holds
insert into events (id, at, kind) values (5, '2025-07-01', 'x')
--? holds
select kind from events where at >= '2026-01-01' and at < '2026-12-01'

--! grant a privilege [app]
grant all on archive.orders to app;
revoke delete on settings from app;
--? holds
select value from settings where key = 'size'
--? holds
insert into settings (key, value) values ('k', 'v')

--! secure rows and let everybody in [app]
alter table settings enable row level security;
create policy everybody on settings using (true) with check (true);
--? holds
insert into settings (key, value) values ('k', 'v')
--? holds
update settings set value = 'y' where key = 'size'

--! add a check that is not asked of what is written
alter table customers add constraint sane check (created_at > '2000-01-01');
--? holds
insert into customers (email) values ('h@example.org')
--? holds
update customers set name = 'H' where id = 8

--! add a foreign key to a column that is left out
alter table sessions add column order_id bigint references orders;
--? holds
insert into sessions (customer_id) values (99999)
--? holds
select token from sessions where customer_id = 3

--! add a unique key to a column that is left out
alter table customers add column code text;
create unique index on customers (code);
--? holds
insert into customers (email) values ('u@example.org')
--? holds
insert into customers (email, name) values ('c1@example.org', 'One') on conflict do nothing

--! add a check that literals fulfil
alter table customers add constraint credit_positive check (credit >= 0);
--? holds by value
update customers set credit = 5 where id = 1

--! add a unique key that nobody violates
create unique index on sessions (customer_id);
--? holds by value
insert into sessions (customer_id) values (5555)

--! add a foreign key that everybody keeps
delete from sessions where customer_id not in (select id from customers);
alter table sessions add foreign key (customer_id) references customers;
--? holds by value
insert into sessions (customer_id) values (5)
--? holds
insert into sessions (expires_at) values (now())

--! forbid a null that nobody writes
update orders set note = '' where note is null;
alter table orders alter column note set not null;
--? holds by value
insert into orders (customer_id, note) values (1, 'n')
--? holds
update orders set total = 9 where id = 9

--! change storage, statistics and comments
alter table orders alter column note set storage external;
alter table orders alter column note set statistics 500;
comment on column orders.note is 'free text';
alter table orders set (fillfactor = 80);
analyze orders;
--? holds
select * from orders where id = 5
--? holds
update orders set note = 'x' where id = 5 returning *

--! fill rows
update orders set channel = 'web' where channel is null;
insert into settings (key, value) values ('new', 'x');
delete from events where at < '2024-01-01';
--? holds
select * from settings order by key
--? holds
select extract(epoch from at), kind from events where at > date '2025-01-01'

--! make an identity of a serial
alter table jobs alter column id drop default;
alter table jobs alter column id add generated by default as identity (start with 1000);
--? holds
insert into jobs (queue, body) values ('mail', '{}') returning id
--? holds
update jobs set taken = true where id = (select id from jobs where not taken order by id limit 1 for update skip locked) returning id

--! add a materialised view and a sequence
create materialized view totals as select customer_id, sum(total) from orders group by customer_id;
create sequence more_numbers;
--? holds
select nextval('invoice_numbers')
--? holds
select customer_id, sum(total) from orders group by 1 having sum(total) > 10 order by 2 desc

--! change the owner
alter table settings owner to current_user;
--? holds
select json_agg(json_build_object('key', key, 'value', value)) from settings where key like 'co%'
--? holds
select case when value = 'blue' then 1 else 0 end as blue from settings where length(value) > 3

--! drop a rule and a trigger of one's own
create rule nothing as on insert to jobs do also select 1;
drop rule nothing on jobs;
--? holds
insert into jobs (queue) values ('q')
--? holds
select count(1), max(id) + 1 from jobs where body ->> 'to' = '1'

--! add a column behind values without names
alter table settings add column since timestamptz default now();
--? holds
insert into settings values ('k', 'v')
--? holds
select key, value from settings where key in ('color', 'size')

--! make a view anew as it was
drop view open_orders;
create view open_orders as select id, customer_id, total from orders where status = 'new';
--? holds
select id, total from open_orders where customer_id = 3

--! swap a table for its copy
create table settings_new (like settings including all);
insert into settings_new select * from settings;
drop table settings;
alter table settings_new rename to settings;
--? holds
select * from settings where key = 'color'
--? holds
insert into settings (key, value) values ('color', 'red') on conflict (key) do update set value = excluded.value returning *

--! forbid null in a column with a default
alter table customers alter column country set not null;
--? holds
insert into customers (email, name) values ('n@example.org', 'N')
--? holds
update customers set name = name || '!' where id = 3

--! drop a default of what is always given
alter table orders alter column channel drop default;
--? holds
insert into orders (customer_id, channel) values (1, 'app')
--? holds
update orders set channel = 'app' where id = 3

--! cascade where nothing was referred to
create table parcels (id bigserial primary key, order_id bigint references orders on delete cascade);
alter table items drop constraint items_order_id_fkey;
alter table items add constraint items_order foreign key (order_id) references orders on delete cascade;
--? holds
delete from orders where id = 6
--? holds
insert into items (order_id, position, price) values (7, 2, 5)

--! make the key of another index
alter table jobs drop constraint jobs_pkey;
alter table jobs add primary key (id);
--? holds
insert into jobs (id, queue) values (7000, 'k')
--? holds
select body from jobs where id = 7

--! add a computed column
alter table items add column gross numeric generated always as (price * 1.21) stored;
--? holds
insert into items (order_id, position, sku, price) values (1, 2, 'x', 1.5)
--? holds
update items set price = price * 2 where order_id = 3

--! attach a partition and a default one
create table events_2024 (id bigint, at timestamptz not null, kind text);
alter table events attach partition events_2024 for values from ('2024-01-01') to ('2025-01-01');
create table events_rest partition of events default;
--? holds
insert into events values (9, '2025-02-03', 'x')
--? holds
delete from events where at < '2025-02-01'

--! replace a trigger's function by a better one
create trigger touched before update on orders for each row execute function touch();
create or replace function touch() returns trigger language plpgsql as
    $$ begin new.shipped_at := coalesce(new.shipped_at, now()); return new; end $$;
--? holds
update orders set total = 5 where id = 5 returning id

--! rename a sequence
alter sequence orders_id_seq rename to order_numbers;
--? holds
insert into orders (customer_id, total) values (1, 2) returning id

--! widen a check
alter table orders add constraint channels check (channel in ('web', 'app'));
alter table orders drop constraint channels;
alter table orders add constraint channels check (channel in ('web', 'app', 'shop')) not valid;
--? holds
insert into orders (customer_id) values (1)
--? holds by value
update orders set channel = 'app' where id = 3

--! an extension and a schema
create extension if not exists btree_gin;
create schema reports;
create table reports.daily (day date primary key, total numeric);
alter table archive.orders add column note text;
--? holds
select id, total from archive.orders where id in (1, 2)
--? holds
insert into archive.orders (id, total) values (100, 5)

--! policies for others [app]
do $$ begin
    if not exists (select from pg_roles where rolname = 'other') then create role other; end if;
end $$;
grant select on settings to other;
revoke all on archive.orders from other;
--? holds
select value from settings where key = 'size'
--? holds
select count(*) from archive.orders

--! log a table no longer
alter table sessions set unlogged;
alter table sessions replica identity full;
--? holds
insert into sessions (customer_id) values (3)
--? holds
select s.token, c.name from sessions as s left join customers as c on c.id = s.customer_id where s.expires_at > now()

--! change a function's cost and a view's options
alter function order_total(bigint) cost 1000;
alter view open_orders set (security_barrier = true);
alter table orders alter column id set default nextval('orders_id_seq');
--? holds
select o.id, order_total(o.id) from open_orders as o where o.total > 5 order by 2
--? holds
insert into orders (customer_id, tags) values (3, array['x', 'y']) returning tags

--! drop what only the new release would have used
create table feature_flags (name text primary key);
drop table feature_flags;
create type level as enum ('low', 'high');
alter table jobs add column level level default 'low';
--? holds
with next as (select id from jobs where queue = 'mail' and not taken order by id limit 1 for update skip locked)
update jobs set taken = true from next where jobs.id = next.id returning jobs.id
--? holds
select id, row_number() over (partition by queue order by id) from jobs where body ->> 'to' is not null

--! another type for what is copied and read by a cursor
alter table contacts alter column weight type bigint;
--? holds direct
copy contacts (weight, method) to stdout
--? holds direct
copy (select weight from contacts) to stdout
--? holds direct
explain select weight from contacts

--! drop a view beside sequences
drop view customer_names;
--? holds
select nextval('invoice_numbers')

--! a check that lets more pass
alter table contacts drop constraint contacts_weight_check;
alter table contacts add check (weight <= 1000);
--? holds
update contacts set weight = 50 where id = 1

--! a unique key over fewer rows
drop index contacts_mail;
create unique index contacts_mail on contacts (mail) where method = 'phone' and weight is not null;
--? holds
insert into contacts (mail, method) values ('new@example.org', 'phone')
