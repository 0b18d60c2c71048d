-- The columns of a ledger table, no rows where there is no such table. Reads the catalog alone, so it waits for nobody who
-- holds the table itself. Needs no privilege; cheap.
select attname as name
  from pg_attribute
  join pg_class on pg_class.oid = attrelid
  join pg_namespace on pg_namespace.oid = relnamespace
 where nspname = %(schema)s
   and relname = %(table)s
   and relkind in ('r', 'p', 'v')
   and attnum > 0
   and not attisdropped
