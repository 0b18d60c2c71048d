-- Statements that were executed in this database, with who sent them, most often first. {view}: pg_stat_statements, where the
-- extension is; %(limit)s: how many. Inner statements of functions are left out where the server tells them apart (since 14).
-- Those of other roles come as "<insufficient privilege>" without pg_read_all_stats. Privilege: none. Cost: some ten milliseconds
-- for five thousand; takes a shared lock of the extension's for a moment.
select s.query as text, pg_catalog.pg_get_userbyid(s.userid)::text as role
  from {view} as s
 where s.dbid = (select oid from pg_catalog.pg_database where datname = current_database())
   -- What Lockage itself asked of the application's tables is marked.
   and position('/* lockage */' in s.query) = 0
   and coalesce((to_jsonb(s) ->> 'toplevel')::boolean, true)
 group by 1, 2
 order by sum(s.calls) desc, 1
 limit %(limit)s
