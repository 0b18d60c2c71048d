-- Tables and views that somebody else locks against all (AccessExclusiveLock), or waits to; those that are not yet committed, and
-- temporary ones, are nobody's business. Privilege: none. Cost: 1 ms; takes no relation lock.
select distinct n.nspname || '.' || c.relname
  from pg_catalog.pg_locks as l
  join pg_catalog.pg_class as c on c.oid = l.relation
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
 where l.locktype = 'relation'
   and l.mode = 'AccessExclusiveLock'
   and l.database = (select oid from pg_catalog.pg_database where datname = current_database())
   and l.pid is distinct from pg_backend_pid()
   and c.oid >= 16384
   and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
   and c.relpersistence <> 't'
   and n.nspname !~ '^pg_toast'
 order by 1
