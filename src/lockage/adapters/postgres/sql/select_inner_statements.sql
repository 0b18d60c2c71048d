-- The statements that ran to their end inside others in one database since the last reset; from 17 on in the order of their first
-- end. Before 14 nobody tells which ran inside, so all count but those of our own, which begin with a comment, and what divides
-- transactions. By way of JSON, since what a server does not tell is then NULL.
-- %(database)s: which one. Asked of another database, so that the extension does not show in the shadow's own.
-- Privilege: superuser. Cost: under 1 ms.
select s.query
  from public.pg_stat_statements as s
  join pg_catalog.pg_database as d on d.oid = s.dbid
 cross join lateral (select pg_catalog.to_jsonb(s) as seen) as told
 where d.datname = %(database)s
   and case when told.seen ->> 'toplevel' is null then s.query !~* '^(--|begin|commit|rollback|savepoint|release)'
            else told.seen ->> 'toplevel' = 'false' end
 order by told.seen ->> 'stats_since'
