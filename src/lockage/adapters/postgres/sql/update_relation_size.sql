-- Tells the planner the size of one relation: %(rows)s in %(blocks)s of %(schema)s.%(table)s, where no function does.
-- For a shadow before 18 only: it writes into a system catalog. Privilege: superuser. Cost: under 1 ms.
update pg_catalog.pg_class as c
   set relpages = %(blocks)s, reltuples = %(rows)s
  from pg_catalog.pg_namespace as n
 where n.oid = c.relnamespace and n.nspname = %(schema)s and c.relname = %(table)s
