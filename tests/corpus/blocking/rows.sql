-- Rows.
--! update all rows
update plain set label = 'x';
--! update one row
update plain set label = 'x' where id = 1;
--! update no row
update plain set label = 'x' where false;
--! update a referred table beside its key
update products set title = 'x';
--! update a referred key
update staff set id = 30 where id = 3;
--! update a referring column
update orders set customer_id = 1;
--! update from another table
update orders o set label = c.name from customers c where c.id = o.customer_id;
--! update with a trigger that writes elsewhere
update watched set n = 1;
--! update with a harmless trigger
update plain set n = 1;
--! update with a late trigger
update balances set cents = 1;
--! update through a view
update customer_names set name = 'x';
--! update through a view of a view
update names_again set name = 'x';
--! delete all rows
delete from settings;
--! delete with cascades over two steps
delete from customers where id = 3;
--! delete with set null
delete from lines;
--! delete of a referred row
delete from products where id = 3;
--! delete from a table that refers to itself
delete from staff where id = 3;
--! delete with a rule
delete from old_names;
--! delete with a statement trigger
delete from guarded where id = 1;
--! delete by another table
delete from loose using plain where plain.id = loose.id;
--! insert a row
insert into plain values (900, 'x');
--! insert with a parent
insert into orders (customer_id) values (1);
--! insert with a statement trigger
insert into guarded values (900, 'x');
--! insert with a late trigger
insert into balances values (900, 1, 1);
--! insert with a late foreign key
insert into reviews values (900, 1, 1, 'x', 1);
--! insert by a select
insert into archive.orders select id + 100, customer_id, total from orders;
--! insert by a select with parents
insert into lines select id + 100, order_id, product_id, 2 from lines;
--! insert or update
insert into settings values ('k1', 'x') on conflict (key) do update set value = excluded.value;
--! insert or nothing
insert into settings values ('k1', 'x') on conflict do nothing;
--! insert with a sequence
insert into ticketed (label) values ('x');
--! merge
merge into stock s using products p on p.id = s.product_id when matched then update set count = 0
  when not matched then insert values (p.id, 1, 0);
--! merge that deletes
merge into settings s using plain p on s.key = 'k' || p.id when matched then delete;
--! move rows with a common table expression
with gone as (delete from loose returning id, label) insert into plain select id + 700, label from gone;
--! truncate
truncate settings;
--! truncate with cascade
truncate customers cascade;
--! truncate several and restart
truncate ticketed, settings restart identity;
--! truncate only a parent
truncate only creatures;
--! truncate an unlogged table
truncate scratch;
--! select
select count(*) from orders;
--! select for update
select * from plain for update;
--! select for no key update
select * from customers for no key update;
--! select for share
select * from customers for share;
--! select for key share
select * from customers for key share;
--! select for update of one of two
select * from orders o join customers c on c.id = o.customer_id for update of o;
--! select for update skip locked
select * from plain where id = 2 for update skip locked;
--! select into
select * into fresh from plain;
--! lock for share
lock table plain in share mode;
--! lock row exclusive
lock table plain in row exclusive mode;
--! lock share update exclusive
lock table plain in share update exclusive mode;
--! lock share row exclusive
lock table customers in share row exclusive mode;
--! lock exclusive
lock table customers in exclusive mode;
--! lock access exclusive
lock table regions;
--! lock a view
lock table customer_names in access exclusive mode;
--! lock a parent
lock table creatures in access exclusive mode;
--! lock several
lock table plain, settings in exclusive mode;
