-- Several statements in one transaction.
--! opposite orders
lock table plain in share mode;
update settings set value = 'x';
alter table settings add column c int;
alter table plain add column c int;
--! rolled back to a savepoint
savepoint s;
alter table plain add column c int;
rollback to s;
update settings set value = 'x';
--! released savepoint
savepoint s;
alter table settings add column c int;
release s;
--! rows rolled back to a savepoint
savepoint s;
delete from settings;
rollback to savepoint s;
--! column, backfill, not null
alter table customers add column c int;
update customers set c = age where c is null;
alter table customers alter column c set not null;
--! new table, filled from the old, swapped
create table plain_new (like plain including all);
insert into plain_new select * from plain;
alter table plain rename to plain_old;
alter table plain_new rename to plain;
drop table plain_old cascade;
--! drop and make anew
drop table settings;
create table settings (key text primary key, value text);
insert into settings values ('k', 'v');
--! set constraints immediate
insert into balances values (900, 1, 1);
set constraints all immediate;
--! late foreign key, checked in the middle
update reviews set author_id = 3 where id = 1;
set constraints reviews_author immediate;
--! late foreign key broken and mended
insert into reviews values (900, 1, 800, 'x', 1);
insert into customers (id, email) values (800, 'x@example.org');
--! table lock before work
lock table orders in share row exclusive mode;
delete from orders where id = 3;
--! index then constraint
create unique index plain_label on plain (label);
alter table plain add constraint c unique using index plain_label;
drop index customers_young;
--! views remade around a change
drop view names_again;
drop view customer_names;
drop view open_orders;
alter table customers alter column name type varchar(200);
create view customer_names as select id, name from customers;
create view names_again as select * from customer_names;
--! rows of two tables in turn
update plain set n = 1 where id = 1;
update settings set value = 'x' where key = 'k1';
--! archive old rows
insert into archive.orders select id + 200, customer_id, total from orders where id = 1;
delete from orders where id = 1;
--! session settings
set lock_timeout = '5s';
set statement_timeout = '1min';
alter table plain add column c int;
--! advisory lock
select pg_advisory_xact_lock(7);
update plain set n = 2;
--! new column that refers, filled
alter table settings add column customer_id int references customers (id);
update settings set customer_id = 1;
create index on settings (customer_id);
--! nothing but reading
select * from customers;
select count(*) from orders join lines on lines.order_id = orders.id;
