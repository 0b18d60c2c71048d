-- Tables that are called as common migrators call their ledgers, with their columns. Reads the catalog alone, so it waits for
-- nobody who holds the table itself. Needs no privilege; cheap.
select nspname || '.' || relname as table_name,
       array_agg(attname::text order by attnum) as columns
  from pg_class
  join pg_namespace on pg_namespace.oid = relnamespace
  join pg_attribute on attrelid = pg_class.oid and attnum > 0 and not attisdropped
 where relname = any (%(names)s)
   and relkind in ('r', 'p')
   and nspname not in ('pg_catalog', 'information_schema')
   and nspname not like 'pg\_temp\_%%'
 group by 1
 order by 1
