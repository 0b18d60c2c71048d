-- Pages of tables that we may read, by name; %(names)s: schema.name of each.
-- Privilege: none. Cost: under 1 ms; relpages, so no file is looked at.
select n.nspname as schema, c.relname as name, c.relpages::bigint as pages
  from pg_class as c
  join pg_namespace as n on n.oid = c.relnamespace
 where n.nspname || '.' || c.relname = any (%(names)s)
   and c.relkind in ('r', 'm')
   and c.relpages > 0
   and has_table_privilege(c.oid, 'SELECT')
   and not c.relrowsecurity
 order by c.relpages desc, 1, 2
