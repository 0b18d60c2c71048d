-- Writes pages and rows of relations as a dump has them; %(rows)s: JSON, an object with pg_restore_relation_stats' arguments each.
-- For a shadow before 18 only: it writes into a system catalog. Privilege: superuser. Cost: 1 ms for 100 relations.
update pg_catalog.pg_class as c
   set relpages = g.relpages, reltuples = g.reltuples, relallvisible = coalesce(g.relallvisible, 0)
  from pg_catalog.jsonb_to_recordset(%(rows)s::jsonb) as g (
           schemaname text, relname text, relpages integer, reltuples real, relallvisible integer
       )
  join pg_catalog.pg_namespace as n on n.nspname = g.schemaname
 where c.relnamespace = n.oid and c.relname = g.relname and g.relpages is not null and g.reltuples is not null
