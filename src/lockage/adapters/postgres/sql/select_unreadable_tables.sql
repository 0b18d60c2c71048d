-- Tables that the asking role may not read, and which pg_dump therefore cannot lock; members of extensions are not dumped anyway.
-- Privilege: none. Cost: one pass over pg_class.
select n.nspname, c.relname
  from pg_catalog.pg_class as c
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
 where c.relkind in ('r', 'p')
   and c.relpersistence <> 't'
   and n.nspname <> 'information_schema'
   and n.nspname !~ '^pg_'
   and not (
       pg_catalog.has_schema_privilege(n.oid, 'USAGE')
       and pg_catalog.has_table_privilege(c.oid, 'SELECT')
   )
   and not exists (
       select from pg_catalog.pg_depend as d
        where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
   )
 order by 1, 2
