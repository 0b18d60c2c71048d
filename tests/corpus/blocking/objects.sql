-- Everything else that has a name.
--! create a trigger
create trigger t after insert on plain for each row execute function write_journal();
--! create a statement trigger with a transition table
create trigger t after update on plain referencing new table as fresh for each statement execute function write_journal();
--! create a constraint trigger
create constraint trigger t after insert on plain from settings deferrable for each row execute function write_journal();
--! replace a trigger
create or replace trigger plain_stamp before insert on plain for each row execute function stamp();
--! drop a trigger
drop trigger watched_rows on watched;
--! rename a trigger
alter trigger watched_rows on watched rename to w;
--! replace a trigger's function
create or replace function stamp() returns trigger language plpgsql as $$ begin return new; end $$;
--! drop a trigger's function
drop function stamp() cascade;
--! create a rule
create rule r as on update to plain do also nothing;
--! create a rule on a view
create rule r as on insert to customer_names do instead nothing;
--! drop a rule
drop rule old_names_quiet on old_names;
--! rename a rule
alter rule old_names_quiet on old_names rename to quiet;
--! create a policy
create policy p on plain using (n > 0);
--! create a policy that looks elsewhere
create policy p on plain using (exists (select from customers));
--! change a policy
alter policy secrets_mine on secrets using (true);
--! drop a policy
drop policy secrets_mine on secrets;
--! create a table
create table fresh (id int primary key);
--! create a table that refers
create table fresh (id int primary key, customer_id int references customers (id), product_id int references products);
--! create a table like another
create table fresh (like customers including all);
--! create a table by a query
create table fresh as select * from customers;
--! create a temporary table of the same name
create temporary table plain (id int);
alter table plain add column x int;
insert into plain values (1);
--! create a temporary table by a query
create temporary table fresh on commit drop as select * from orders;
--! create a table if missing, and it is there
create table if not exists plain (id int);
--! drop a table
drop table settings;
--! drop a table that refers
drop table lines;
--! drop a table that is referred to
drop table customers cascade;
--! drop several tables
drop table if exists settings, nothing, loose;
--! drop a schema
drop schema lab cascade;
--! rename a schema
alter schema lab rename to workshop;
--! create a view
create view fresh as select * from customers;
--! replace a view
create or replace view customer_names as select id, name from customers where id > 0;
--! drop a view
drop view names_again;
--! drop a view with those over it
drop view customer_names cascade;
--! rename a view's column
alter view open_orders rename column total to amount_due;
--! options of a view
alter view plain_view set (security_barrier = false);
--! default of a view's column
alter view customer_names alter column name set default 'x';
--! create a materialized view
create materialized view fresh as select * from products;
--! create a materialized view with no data
create materialized view fresh as select * from products with no data;
--! refresh a materialized view
refresh materialized view sku_list;
--! refresh a materialized view concurrently
refresh materialized view concurrently order_counts;
--! refresh with no data
refresh materialized view sku_list with no data;
--! rename a materialized view
alter materialized view sku_list rename to skus;
--! options of a materialized view
alter materialized view order_counts set (fillfactor = 90);
--! drop a materialized view
drop materialized view sku_list;
--! drop a materialized view with a view over it
drop materialized view order_counts cascade;
--! add a value to an enum
alter type status add value 'back' before 'sent';
--! rename an enum's value
alter type status rename value 'new' to 'fresh';
--! rename an enum
alter type status rename to order_status;
--! change a type that a column has
alter type size add attribute depth int;
--! drop a type with the columns
drop type status cascade;
--! check of a domain
alter domain amount add constraint c check (value < 100000);
--! check of a domain, not valid
alter domain amount add constraint c check (value < 100000) not valid;
--! check of a domain, then validated
alter domain amount add constraint c check (value < 100000) not valid;
alter domain amount validate constraint c;
--! not null of a domain
alter domain code set not null;
--! default of a domain
alter domain code set default 'x';
--! rename a domain
alter domain code rename to stock_code;
--! create a sequence
create sequence fresh owned by plain.n;
--! restart a sequence
alter sequence tickets restart with 5000;
--! type of a sequence
alter sequence tickets as int;
--! options of a sequence
alter sequence tickets cache 20;
--! owner of a sequence
alter sequence products_id_seq owned by none;
--! rename a sequence
alter sequence tickets rename to numbers;
--! setval
select setval('tickets', 900);
--! nextval
select nextval('tickets');
--! drop a sequence with the default
drop sequence tickets cascade;
--! comment on a table
comment on table plain is 'x';
--! comment on a column
comment on column customers.name is 'x';
--! comment on an index
comment on index orders_customer is 'x';
--! comment on a constraint
comment on constraint customers_age on customers is 'x';
--! grant on a table
grant select on plain to public;
--! grant on a column
grant update (label) on plain to public;
--! grant on all tables
grant select on all tables in schema public to public;
--! revoke
revoke all on plain from public;
--! default privileges
alter default privileges in schema public grant select on tables to public;
--! create a publication
create publication fresh for table settings, loose;
--! create a publication for all tables
create publication fresh for all tables;
--! add a table to a publication
alter publication feed add table settings;
--! drop a table from a publication
alter publication feed drop table plain;
--! drop a publication
drop publication feed;
--! create statistics
create statistics fresh on id, label from plain;
--! drop statistics
drop statistics customers_stats;
--! rename statistics
alter statistics customers_stats rename to s;
--! create an extension
create extension if not exists hstore;
--! create a function
create function fresh() returns int language sql as 'select 1';
--! create a foreign table
create extension if not exists file_fdw;
create server fresh foreign data wrapper file_fdw;
create foreign table far (id int) server fresh options (filename '/dev/null');
--! reassign what a role owns
create role corpus_owner;
alter table settings owner to corpus_owner;
reassign owned by corpus_owner to current_user;
