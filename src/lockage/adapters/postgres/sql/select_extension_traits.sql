-- Extensions (%(names)s) with their schema and version. Privilege: none. Cost: under 1 ms.
select e.extname, n.nspname, e.extversion
  from pg_catalog.pg_extension as e
  join pg_catalog.pg_namespace as n on n.oid = e.extnamespace
 where e.extname = any (%(names)s)
 order by e.oid
