-- Rows enough that what runs by itself lasts long enough to be seen.
insert into plain select i, 'p' || i, i, '{}' from generate_series(1000, 40000) i;
insert into customers select i, 1, 'c' || i, 'n', 'new', 1, 50, 'n' from generate_series(1000, 20000) i;
insert into orders (customer_id, label) select 1, 'o' || i from generate_series(1000, 20000) i;
insert into products (sku, title) select 's' || i, 't' from generate_series(1000, 20000) i;
insert into readings select i, i % 20, 'k', 1 from generate_series(1000, 40000) i;
insert into lab.things select i, 't' from generate_series(1000, 20000) i;
insert into lab.parts select i, i from generate_series(1000, 20000) i;
insert into big_texts select i, repeat(md5(i::text), 100) from generate_series(1000, 3000) i;
refresh materialized view order_counts;
