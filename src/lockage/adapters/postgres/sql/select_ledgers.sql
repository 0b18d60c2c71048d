-- Tables that bear the name of a migration ledger, with the columns that can be copied; %(names)s: which names.
-- Privilege: none. Cost: under 1 ms.
select n.nspname, c.relname,
       array(
           select a.attname::text
             from pg_catalog.pg_attribute as a
            where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
            order by a.attnum
       ) as columns
  from pg_catalog.pg_class as c
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
 where c.relkind in ('r', 'p')
   and c.relpersistence <> 't'
   and (c.relname = any (%(names)s) or n.nspname || '.' || c.relname = any (%(names)s))
 order by 1, 2
