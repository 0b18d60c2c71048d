-- Indexes of all user tables: method, key columns in order ('' for an expression), kind and pages.
-- Privilege: none. Cost: 5 ms for 100 tables; no lock is kept, and relpages is read instead of the file.
select t.nspname || '.' || r.relname as relation,
       n.nspname || '.' || c.relname as index,
       m.amname as method,
       array(
           select coalesce(a.attname, '')
             from unnest(i.indkey::smallint[]) with ordinality as k (number, place)
             left join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.number and k.number <> 0
            where k.place <= i.indnkeyatts
            order by k.place
       )::text[] as columns,
       i.indisunique as is_unique,
       i.indpred is not null as is_partial,
       -- Before 14, an index that was never counted has no entries and no pages.
       case when i.indpred is not null and c.relpages > 0 and c.reltuples >= 0 and r.reltuples > 0
            then least(c.reltuples::float8 / r.reltuples, 1.0)
       end as share,
       c.relpages::bigint * current_setting('block_size')::bigint as bytes
  from pg_index as i
  join pg_class as c on c.oid = i.indexrelid
  join pg_namespace as n on n.oid = c.relnamespace
  join pg_am as m on m.oid = c.relam
  join pg_class as r on r.oid = i.indrelid and r.relkind in ('r', 'm')
  join pg_namespace as t on t.oid = r.relnamespace
 where i.indrelid >= 16384
   and n.nspname not like 'pg\_toast%%'
 order by 1, 2
