-- The tables that a gate can be put on, %(limit)s at most: ordinary and partitioned ones and materialised views, but no temporary
-- ones, whose locks no prepared transaction may hold, and nothing that initdb made.
-- Privilege: none. Cost: under 1 ms for 500 relations.
select c.oid, n.nspname, c.relname, c.relkind
  from pg_catalog.pg_class as c
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
 where c.oid >= 16384 and c.relkind in ('r', 'p', 'm') and c.relpersistence <> 't'
 order by c.oid
 limit %(limit)s
