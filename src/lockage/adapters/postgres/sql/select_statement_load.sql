-- Statements that were executed in this database, with how often and how long. {view}: pg_stat_statements, where the extension is.
-- Inner statements of functions are left out where the server tells them apart (since 14). Those of other roles come as
-- "<insufficient privilege>" without pg_read_all_stats. Privilege: none. Cost: some ten milliseconds for five thousand; takes a
-- shared lock of the extension's for a moment.
select s.query as text,
       sum(s.calls)::float8 as calls,
       sum(s.total_exec_time)::float8 / greatest(sum(s.calls), 1)::float8 / 1000 as mean_s,
       max(s.max_exec_time)::float8 / 1000 as max_s,
       -- Since 17 each statement says since when it is counted.
       extract(epoch from clock_timestamp() - max((j.row ->> 'stats_since')::timestamptz))::float8 as counted_s
  from {view} as s
 cross join lateral (select to_jsonb(s) - 'query' as row) as j
 where s.dbid = (select oid from pg_catalog.pg_database where datname = current_database())
   -- What Lockage itself asked of the application's tables is marked.
   and position('/* lockage */' in s.query) = 0
   and coalesce((j.row ->> 'toplevel')::boolean, true)
 group by s.query
 order by 2 desc, 1
