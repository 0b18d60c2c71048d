-- ALTER TABLE: columns.
--! add a column
alter table plain add column c int;
--! add a column with a constant default
alter table plain add column c int not null default 7;
--! add a column with a volatile default
alter table plain add column c uuid default gen_random_uuid();
--! add a column that refers
alter table plain add column c int references customers (id);
--! add a column that refers, by name of schema
alter table lab.parts add column c bigint references public.orders (id) on delete cascade;
--! add a serial column
alter table plain add column c serial;
--! add an identity column
alter table plain add column c int generated always as identity;
--! add a stored generated column
alter table plain add column c int generated always as (n * 2) stored;
--! add a virtual generated column [18]
alter table plain add column c int generated always as (n * 2) virtual;
--! add a unique column
alter table plain add column c int unique;
--! add a column with a check
alter table plain add column c int check (c > 0);
--! add a column with a constrained domain
alter table plain add column c amount;
--! add a column if missing, and it is there
alter table plain add column if not exists label text;
--! add a column to an inheritance parent
alter table creatures add column c int;
--! add a column to a partitioned table
alter table readings add column c int;
--! drop a column
alter table plain drop column extra;
--! drop a column that a foreign key needs
alter table lines drop column product_id;
--! drop a column with a view over it
alter table customers drop column name cascade;
--! drop a column that is not there
alter table plain drop column if exists nothing;
--! type to one of the same storage
alter table orders alter column label type varchar(40);
--! type to a narrower one
alter table orders alter column label type varchar(10);
--! type that rewrites
alter table plain alter column n type bigint;
--! type with USING
alter table plain alter column n type text using n::text || '!';
--! type of an indexed column
alter table orders alter column label type text;
--! type of a column that others refer to
alter table staff alter column id type bigint;
--! type of a referred key
alter table regions alter column id type bigint;
--! type to a domain
alter table plain alter column n type amount;
--! set a default
alter table plain alter column n set default 9;
--! drop a default
alter table plain alter column n drop default;
--! set not null
alter table customers alter column age set not null;
--! drop not null
alter table plain alter column n drop not null;
--! set the expression of a generated column [18]
alter table orders alter column doubled set expression as (2 + 2);
--! drop the expression of a generated column
alter table orders alter column doubled drop expression;
--! add identity to a column
alter table regions alter column id add generated always as identity;
--! change an identity
alter table orders alter column id set generated always;
--! restart an identity
alter table orders alter column id restart with 1000;
--! drop an identity
alter table orders alter column id drop identity;
--! statistics of a column
alter table plain alter column label set statistics 500;
--! options of a column
alter table plain alter column label set (n_distinct = 5);
--! reset options of a column
alter table plain alter column label reset (n_distinct);
--! storage of a column
alter table plain alter column label set storage external;
--! compression of a column
alter table plain alter column label set compression pglz;
--! rename a column
alter table plain rename column label to title;
--! rename a column of a parent
alter table creatures rename column name to title;
--! rename a column under a view
alter table customers rename column name to full_name;
