-- How often pages of each table were found in shared_buffers, and how full its pages are made.
-- Privilege: none. Cost: 5 ms for 100 tables.
select n.nspname || '.' || c.relname as relation,
       s.heap_blks_hit::float8 / nullif(s.heap_blks_hit + s.heap_blks_read, 0) as hit_ratio,
       coalesce(
           (select substring(o from 'fillfactor=(\d+)')::float8 / 100 from unnest(c.reloptions) as o where o like 'fillfactor=%%'),
           1.0
       )::float8 as fill_ratio
  from pg_class as c
  join pg_namespace as n on n.oid = c.relnamespace
  left join pg_statio_user_tables as s on s.relid = c.oid
 where c.relkind in ('r', 'm')
   and c.relpersistence <> 't'
   and c.oid >= 16384
   and n.nspname not like 'pg\_toast%%'
 order by 1
