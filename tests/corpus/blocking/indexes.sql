-- Indexes.
--! create an index
create index on plain (label);
--! create a unique index
create unique index on plain (label);
--! create a partial index on an expression
create index on customers ((lower(name))) where age > 5;
--! create a gin index
create index on plain using gin (extra);
--! create an index if missing, and it is there
create index if not exists orders_customer on orders (customer_id);
--! create an index on a partitioned table
create index on visits (page);
--! create an index on only the root
create index on only visits (page);
--! attach an index of a partition
create index visits_page on only visits (page);
create index visits_de_page on visits_de (page);
alter index visits_page attach partition visits_de_page;
--! create an index on a partition
create index on visits_de (page);
--! create an index on a materialized view
create index on order_counts (n);
--! create an index on a parent
create index on creatures (name);
--! create an index concurrently [outside]
create index concurrently on plain (label);
--! create a unique index concurrently [outside]
create unique index concurrently plain_label on plain (label);
--! create an index concurrently on a referred table [outside]
create index concurrently on customers (name);
--! create an index concurrently on a materialized view [outside]
create index concurrently on order_counts (n);
--! drop an index
drop index orders_customer;
--! drop an index of a referred table
drop index customers_region;
--! drop an index of a partitioned table
drop index readings_kind;
--! drop an index that is not there
drop index if exists nothing;
--! drop an index concurrently [outside]
drop index concurrently orders_customer;
--! drop an index of a materialized view
drop index order_counts_id;
--! reindex an index
reindex index orders_customer;
--! reindex a unique index
reindex index regions_name_key;
--! reindex a table
reindex table customers;
--! reindex a partitioned table [outside]
reindex table readings;
--! reindex a schema [outside]
reindex schema lab;
--! reindex an index concurrently [outside]
reindex index concurrently orders_customer;
--! reindex a table concurrently [outside]
reindex table concurrently products;
--! reindex a schema concurrently [outside]
reindex schema concurrently lab;
--! rename an index
alter index orders_customer rename to orders_of;
--! options of an index
alter index orders_customer set (fillfactor = 80);
--! statistics of an index's expression
alter index customers_email alter column 1 set statistics 100;
--! move an index to a tablespace
alter index orders_customer set tablespace pg_default;
--! index depends on an extension
alter index orders_customer no depends on extension plpgsql;
