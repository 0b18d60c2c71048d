-- Maintenance.
--! cluster
cluster plain using plain_pkey;
--! vacuum [outside]
vacuum plain;
--! vacuum and analyze [outside]
vacuum (analyze) orders;
--! vacuum full [outside]
vacuum full plain;
--! vacuum full of a referred table [outside]
vacuum full customers;
--! vacuum full of a table with long values [outside]
vacuum (full, analyze) big_texts;
--! vacuum freeze [outside]
vacuum (freeze) plain;
--! analyze
analyze plain;
--! analyze all
analyze;
--! analyze a partitioned table
analyze visits;
--! copy in
copy settings from '/dev/null';
--! copy out
copy customers to '/dev/null';
--! copy a query out
copy (select * from orders) to '/dev/null';
--! prewarm by a scan
select sum(length(body)) from big_texts;
