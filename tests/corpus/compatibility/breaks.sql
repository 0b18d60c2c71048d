--! drop a column that is read
alter table orders drop column note;
--? breaks
select note from orders where id = 1
--? breaks
update orders set note = 'x' where id = 1
--? holds
select id, total from orders where customer_id = 5 order by id desc limit 10

--! drop a column under a star
alter table orders drop column tags;
--? breaks
select * from orders where id = 7
--? holds
select count(*) from orders where status = 'paid'

--! rename a column
alter table customers rename column name to full_name;
--? breaks
select "name", "email" from "customers" where "id" = 3
--? breaks
insert into customers (email, name) values ('new@example.org', 'New') returning id
--? holds
select name from customer_names where id = 3

--! drop a table
drop table settings;
--? breaks
select value from settings where key = 'color'
--? breaks
insert into settings (key, value) values ('a', 'b') on conflict (key) do update set value = excluded.value

--! rename a table
alter table sessions rename to logins;
--? breaks
delete from sessions where expires_at < now() - interval '7 days'
--? breaks
select token from sessions where customer_id = any (array[1, 2, 3])

--! move a table to another schema
alter table jobs set schema archive;
--? breaks
select id, body from jobs where queue = 'mail' and not taken order by id limit 1 for update skip locked

--! drop a view
drop view open_orders;
--? breaks
select count(*) from open_orders where total > 10.5

--! replace a view by one with fewer columns
drop view open_orders;
create view open_orders as select id, customer_id from orders where status = 'new';
--? breaks
select sum(total) from open_orders where customer_id = 1
--? holds
select id from open_orders where customer_id = 1

--! drop a function
drop function order_total(bigint);
--? breaks
select order_total(7)
--? breaks
select id, order_total(id) from orders where id in (1, 2, 3)

--! change a function's parameters
drop function order_total(bigint);
create function order_total(which bigint, rounded boolean) returns numeric language sql as $$ select 1.0 $$;
--? breaks
select order_total(7::bigint)

--! drop a column that a function reads
alter table orders drop column note cascade;
--? breaks
select describe_order(5)
--? holds
select order_total(5)

--! drop a sequence
drop sequence invoice_numbers;
--? breaks by value
select nextval('invoice_numbers')

--! add a column that must be given
alter table items add column currency text;
update items set currency = 'EUR';
alter table items alter column currency set not null;
--? breaks
insert into items (order_id, position, sku, price) values (1, 2, 'x', 1.5)
--? breaks
insert into items (order_id, position, sku, price) select id, 9, 'y', 2 from orders where id = 3
--? holds
select sku, price from items where order_id = 1 and position = 1

--! take away a default
alter table jobs alter column queue drop default;
--? breaks
insert into jobs (body) values ('{"a": 1}')
--? holds
insert into jobs (queue, body) values ('mail', '{"a": 1}')

--! forbid a null that is written
update orders set note = '' where note is null;
alter table orders alter column note set not null;
--? breaks
insert into orders (customer_id, total) values (1, 5)
--? breaks by value
insert into orders (customer_id, total, note) values (1, 5, null)

--! add a column under a star
alter table customers add column phone text;
--? breaks
select * from customers where id = 4
--? breaks
insert into customers (email) values ('z@example.org') returning *
--? holds
select count(*) from customers

--! change a type of number that is read
alter table items alter column position type bigint;
--? breaks
select position, sku from items where order_id = 3
--? holds
select sku from items where order_id = 3 and position = 1

--! change text to a number
alter table settings add column weight text;
update settings set weight = '1';
alter table settings alter column value type integer using length(value);
--? breaks
select key from settings where value = 'blue'
--? breaks
update settings set value = 'red' where key = 'color'

--! narrow a text
alter table items alter column sku type varchar(10);
--? breaks by value
insert into items (order_id, position, sku, price) values (1, 5, 'a-very-long-stock-keeping-unit', 1)
--? breaks by value
update items set sku = 'a-very-long-stock-keeping-unit' where order_id = 1

--! narrow a number
alter table sessions alter column customer_id type integer;
--? breaks by value
insert into sessions (customer_id) values (5000000000)

--! narrow a decimal
alter table items alter column price type numeric(5, 2);
--? breaks by value
update items set price = 123456.78 where order_id = 2

--! rename a label of an enum
alter type state rename value 'lost' to 'missing';
--? breaks by value
select id from orders where status = 'lost'
--? breaks by value
update orders set status = 'lost' where id = 4

--! take a label of an enum away
alter table orders alter column status drop default;
drop view open_orders;
alter type state rename to old_state;
create type state as enum ('new', 'paid', 'shipped');
alter table orders alter column status type state using status::text::state;
alter table orders alter column status set default 'new';
create view open_orders as select id, customer_id, total from orders where status = 'new';
drop type old_state;
--? breaks by value
insert into orders (customer_id, status) values (1, 'lost')

--! demand a value that is not written
alter table orders add constraint channel_known check (channel in ('app', 'shop') or id < 1000);
alter table orders alter column id set default 100000;
--? breaks
insert into orders (customer_id, total) values (2, 9)

--! forbid values by a check
alter table customers add constraint credit_positive check (credit >= 0);
--? breaks by value
update customers set credit = -5 where id = 1
--? breaks by value
insert into customers (email, credit) values ('n@example.org', -1)

--! add a unique key
create unique index on sessions (customer_id);
--? breaks by value
insert into sessions (customer_id, expires_at) values (5, now())
--? holds
select token from sessions where customer_id = 5

--! add a foreign key
delete from sessions;
alter table sessions add constraint sessions_customer foreign key (customer_id) references customers;
--? breaks by value
insert into sessions (customer_id) values (99999)

--! refer to rows that are deleted
create table invoices (order_id bigint references orders);
insert into invoices select id from orders where id < 10;
alter table items drop constraint items_order_id_fkey;
alter table items add constraint items_order_id_fkey foreign key (order_id) references orders;
--? breaks by value
delete from orders where id = 3

--! add a trigger that forbids
create function refuse() returns trigger language plpgsql as $$ begin raise exception 'read only'; end $$;
create trigger no_writes before insert or update or delete on settings for each row execute function refuse();
--? breaks
insert into settings (key, value) values ('k', 'v')
--? breaks by value
update settings set value = 'w' where key = 'color'
--? breaks by value
delete from settings where key = 'color'
--? holds
select value from settings where key = 'size'

--! drop the key of an upsert
drop index customers_email;
--? breaks
insert into customers (email, name) values ('c1@example.org', 'One') on conflict (email) do nothing
--? holds
insert into customers (email, name) values ('q1@example.org', 'One')

--! generate an identity always
alter table customers alter column id set generated always;
--? breaks
insert into customers (id, email) values (1000, 'i@example.org')
--? holds
insert into customers (email) values ('j@example.org')

--! compute a column that was written
alter table settings drop column value;
alter table settings add column value text generated always as (upper(key)) stored;
--? breaks
insert into settings (key, value) values ('k', 'v')
--? breaks
update settings set value = 'x' where key = 'size'

--! revoke a privilege [app]
revoke insert, update on orders from app;
--? breaks
insert into orders (customer_id) values (1)
--? breaks
update orders set total = total + 1 where id = 2
--? holds
select total from orders where id = 2

--! secure rows [app]
alter table settings enable row level security;
create policy reading on settings for select using (true);
--? breaks
insert into settings (key, value) values ('k', 'v')
--? holds
select value from settings where key = 'size'

--! detach a partition
alter table events detach partition events_2025;
--? breaks by value
insert into events (id, at, kind) values (5, '2025-07-01', 'x')

--! tighten a domain
alter domain amount add constraint small check (value < 1000);
--? breaks by value
insert into orders (customer_id, quantity) values (1, 5000)

--! drop a type that is cast to
drop view open_orders;
alter table orders alter column status drop default;
alter table orders alter column status type text using status::text;
drop type state;
--? breaks
select id from orders where status = 'paid'::state
--? breaks
select count(*) filter (where status = any ('{paid,new}'::state[])) from orders

--! change a json type
alter table orders alter column payload type json using payload::json;
--? breaks
select id from orders where payload @> '{"n": 5}'

--! drop a schema
drop schema archive cascade;
--? breaks
select total from archive.orders where id = 4

--! rename a schema
alter schema archive rename to attic;
--? breaks
with recent as (select id from archive.orders where id > 3) select count(*) from recent

--! divide a column in two
alter table customers add column first_name text, add column last_name text;
update customers set first_name = split_part(name, ' ', 1), last_name = split_part(name, ' ', 2);
drop view customer_names;
alter table customers drop column name;
--? breaks
select c.id, c.name, o.total from customers c join orders o on o.customer_id = c.id where o.total > 100 order by o.id limit 5
--? breaks
select name from customer_names where id = 9

--! rename the constraint of an upsert
alter table settings rename constraint settings_pkey to settings_key;
--? breaks
insert into settings (key, value) values ('size', 'small') on conflict on constraint settings_pkey do nothing
--? holds
insert into settings (key, value) values ('size', 'small') on conflict (key) do nothing

--! make a name ambiguous
alter table orders add column name text;
--? breaks
select name, total from orders join customers on customers.id = orders.customer_id limit 3
--? holds
select customers.name, total from orders join customers on customers.id = orders.customer_id limit 3

--! change the precision of what is read
alter table items alter column sku type varchar(60);
--? breaks
select sku from items where order_id = 9
--? holds
select upper(sku) from items where order_id = 9

--! give times a zone
alter table sessions alter column expires_at type timestamp using expires_at at time zone 'UTC';
--? breaks
select expires_at from sessions where customer_id = 3
--? holds
select count(*) from sessions where expires_at > now() - interval '3 days'

--! turn numbers into identifiers
alter table jobs drop constraint jobs_pkey;
alter table jobs alter column id drop default;
alter table jobs alter column id type uuid using gen_random_uuid();
--? breaks
update jobs set taken = true where id = 4
--? breaks
select id from jobs order by id limit 2

--! drop a column under values without names
alter table settings drop column value;
--? breaks
insert into settings values ('k', 'v')

--! make a view one that cannot be written
create or replace view customer_names as select id, max(name) as name from customers group by id;
--? breaks
update customer_names set name = 'x' where id = 4
--? holds
select name from customer_names where id = 4

--! a rule that swallows what is returned
create rule swallow as on insert to jobs do instead nothing;
--? breaks
insert into jobs (queue) values ('mail') returning id
--? holds
select count(*) from jobs

--! publish a table without a key
alter table jobs drop constraint jobs_pkey;
create publication changes for table jobs;
--? breaks
update jobs set taken = true where queue = 'mail'
--? breaks
delete from jobs where taken
--? holds
insert into jobs (queue) values ('mail')

--! exclude what overlaps
create extension if not exists btree_gist;
alter table sessions add constraint one_at_a_time exclude using gist (customer_id with =, expires_at with =);
--? breaks by value
insert into sessions (customer_id, expires_at) select customer_id, expires_at from sessions limit 1

--! revoke a schema, a function and a sequence [app]
revoke usage on schema archive from app;
revoke execute on function order_total(bigint) from public;
revoke usage on sequence orders_id_seq from app;
--? breaks
select count(*) from archive.orders
--? breaks
select order_total(3)
--? breaks
insert into orders (customer_id) values (3)

--! name a function's parameter otherwise
drop function order_total(bigint);
create function order_total(order_id bigint) returns numeric language sql stable as
    $$ select total from orders where id = order_id $$;
--? breaks
select order_total(which => 7)
--? holds
select order_total(7)

--! give a function another result
drop function order_total(bigint);
create function order_total(which bigint) returns double precision language sql stable as
    $$ select total::float8 from orders where id = which $$;
--? breaks
select order_total(7)

--! fill a materialised view later
create materialized view totals as select customer_id from orders with no data;
drop view open_orders;
alter materialized view totals rename to open_orders;
--? breaks
select customer_id from open_orders

--! drop the sequence behind a default
drop sequence orders_id_seq cascade;
--? breaks
insert into orders (customer_id, total) values (1, 2) returning id

--! swap a table for one that lacks a column
create table sessions_new (token uuid primary key default gen_random_uuid(), customer_id bigint, expires_at timestamptz);
insert into sessions_new select token, customer_id, expires_at from sessions;
drop table sessions;
alter table sessions_new rename to sessions;
--? breaks
select data from sessions where token = '00000000-0000-0000-0000-000000000001'
--? holds
select customer_id from sessions where expires_at > now()

--! forbid null in what a query computes
update orders set shipped_at = now();
alter table orders alter column shipped_at set not null;
--? breaks by value
update orders set shipped_at = nullif(shipped_at, shipped_at) where id = 3
--? breaks
insert into orders (customer_id, total) select customer_id, total from orders where id < 5

--! drop a column of json
alter table jobs drop column body;
--? breaks
insert into jobs (queue, body) values ('mail', '{}'::json)
--? breaks
select body -> 'to' ->> 'x' from jobs where body is not null

--! demand lower case by a trigger
create function lower_only() returns trigger language plpgsql as $$
begin
    if new.email <> lower(new.email) then raise exception 'in small letters, please'; end if;
    return new;
end $$;
create trigger lower_only before insert or update of email on customers for each row execute function lower_only();
--? breaks by value
insert into customers (email) values ('BIG@example.org')
--? holds by value
insert into customers (email) values ('small@example.org')
--? holds
update customers set credit = 5 where id = 5

--! drop a column that a trigger reads
create function audit() returns trigger language plpgsql as
    $$ begin if old.note is distinct from new.note then perform 1; end if; return new; end $$;
create trigger audited before update on orders for each row execute function audit();
alter table orders drop column note;
--? breaks
update orders set total = 7 where id = 42
--? holds
select total from orders where id = 42

--! break a function over columns
create or replace function describe_order(which bigint) returns text language plpgsql as
    $$ declare found text; begin select remark into found from orders where id = which; return found; end $$;
--? breaks
select describe_order(id) from orders where id = 42 and status <> 'lost'
--? holds
select id from orders where id = 42 and status <> 'lost'

--! a column that must be given, behind a domain that a made-up value does not meet
alter table contacts add column origin text not null default 'x';
alter table contacts alter column origin drop default;
--? breaks
insert into contacts (mail, method) values ('a@example.org', 'post')
--? holds
update contacts set weight = 7 where mail = 'c1@example.org'

--! a trigger that fails, behind a check and a domain
create function note_contact() returns trigger language plpgsql as
    $$ begin insert into settings (key, who) values ('a', 'b'); return null; end $$;
create trigger note_contact after insert or update on contacts for each row execute function note_contact();
--? breaks
insert into contacts (mail, method) values ('a@example.org', 'post') returning id
--? breaks
update contacts set method = 'post' where id = 1
--? breaks
update contacts set weight = 1 where mail = 'c1@example.org'
--? holds
select mail from contacts where method = 'phone'

--! rename a constraint that is named in a conflict, behind a domain
alter table contacts rename constraint contacts_mail_method to one_mail;
--? breaks
insert into contacts (mail, method) values ('c1@example.org', 'post') on conflict on constraint contacts_mail_method do nothing
--? holds
insert into contacts (mail, method) values ('c1@example.org', 'post') on conflict (mail, method) do nothing

--! drop a text search configuration
drop text search configuration shop_search;
--? breaks by value
select id from contacts where to_tsvector('shop_search', mail) @@ to_tsquery('simple', 'x')
--? holds
select id from contacts where mail like 'c%'

--! fewer bits
alter table contacts alter column flags type bit(2) using flags::bit(2);
--? breaks
update contacts set flags = b'0101' where id = 1
--? holds
select count(*) from contacts where weight > 1
