-- The statements that ran to their end inside others in one database since the last reset, in the order of their first end.
-- %(database)s: which one. Asked of another database, so that the extension does not show in the shadow's own.
-- Privilege: superuser. Cost: under 1 ms.
select s.query
  from public.pg_stat_statements as s
  join pg_catalog.pg_database as d on d.oid = s.dbid
 where d.datname = %(database)s and not s.toplevel
 order by s.stats_since
