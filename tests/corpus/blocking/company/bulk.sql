-- Rows enough that what runs by itself lasts long enough to be seen.
insert into wide select i, i, i, i, 'd', 'e', 'f', now(), true from generate_series(1000, 40000) i;
insert into kv select 'k' || i, 'v' from generate_series(1000, 20000) i;
insert into accounts (name) select 'more' || i from generate_series(1000, 20000) i;
insert into users (account_id, email) select 1, 'm' || i || '@x' from generate_series(1000, 10000) i;
insert into logged_jobs (state) select 'done' from generate_series(1000, 20000) i;
insert into hr.shifts select i, (array['n', 's'])[i % 2 + 1], i, 's' from generate_series(1000, 60000) i;
insert into tenant_a.owners select i, 'o' from generate_series(1000, 30000) i;
insert into tenant_a.items select i, 'i', i from generate_series(1000, 30000) i;
insert into billing.invoices (account_id) select 1 from generate_series(1000, 3000) i;
refresh materialized view billing.totals;
