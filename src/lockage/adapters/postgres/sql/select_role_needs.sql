-- What the smallest role for Lockage depends on: one row for each schema of the application.
-- Privilege: none. Cost: one pass over pg_class.
select n.nspname as "schema",
       array_agg(distinct o.rolname order by o.rolname) as owners,
       count(*) filter (where c.relkind in ('r', 'p')) as tables,
       count(*) filter (where c.relkind = 'S') as sequences,
       coalesce(
           array_agg(n.nspname || '.' || c.relname order by c.relname) filter (where c.relkind in ('r', 'p') and c.relrowsecurity),
           '{}'
       ) as row_security
  from pg_catalog.pg_class as c
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
  join pg_catalog.pg_roles as o on o.oid = c.relowner
 where c.relkind in ('r', 'p', 'S', 'v', 'm', 'f')
   and c.relpersistence <> 't'
   and n.nspname <> 'information_schema'
   and n.nspname !~ '^pg_'
   -- Of an extension's own tables nothing is dumped.
   and not exists (
       select from pg_catalog.pg_depend as d
        where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
   )
 group by n.nspname
 order by n.nspname
