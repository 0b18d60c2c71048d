-- A restored materialised view is not filled, and cannot be read; those that are filled in production count as filled, and empty.
-- %(views)s: schema.name of each. For a shadow only: it writes into a system catalog.
-- Privilege: superuser with allow_system_table_mods. Cost: one pass over pg_class.
update pg_catalog.pg_class as c
   set relispopulated = true
  from pg_catalog.pg_namespace as n
 where n.oid = c.relnamespace and c.relkind = 'm' and n.nspname || '.' || c.relname = any (%(views)s)
