-- Columns of all user tables with their width and order, as far as the statistics know them and we may read them.
-- Privilege: none; pg_stats shows columns of tables that the role may read. Cost: 10 ms for 100 tables; no lock is kept.
select n.nspname || '.' || c.relname as relation,
       a.attname as name,
       format_type(a.atttypid, null) as type,
       s.avg_width::float8 as mean_bytes,
       s.correlation::float8 as correlation,
       s.null_frac::float8 as null_ratio,
       coalesce(k.collname not in ('C', 'POSIX', 'ucs_basic') and not (k.collname = 'default' and d.plain), false) as collated
  from pg_attribute as a
  join pg_class as c on c.oid = a.attrelid and c.relkind in ('r', 'p', 'm') and c.relpersistence <> 't'
  join pg_namespace as n on n.oid = c.relnamespace
  left join pg_collation as k on k.oid = a.attcollation
  left join pg_stats as s
    on s.schemaname = n.nspname and s.tablename = c.relname and s.attname = a.attname and s.inherited = (c.relkind = 'p')
 cross join (
      select datcollate in ('C', 'POSIX', 'C.UTF-8', 'C.utf8') as plain from pg_database where datname = current_database()
 ) as d
 where a.attnum > 0
   and not a.attisdropped
   and c.oid >= 16384
   and n.nspname not like 'pg\_toast%%'
 order by 1, a.attnum
