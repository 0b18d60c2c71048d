-- Sizes of all user tables, partitions and materialised views. Needs no privilege; one stat a file.
-- pg_relation_size opens the relation, and so waits behind AccessExclusiveLock, also behind one that is only queued for: those
-- get relpages instead, which is as old as the last VACUUM or ANALYZE. What is locked after our reading of pg_locks ends in
-- the session's lock_timeout; the caller then asks again with %(by_catalog)s.
with shut as materialized (
    select distinct relation
      from pg_locks
     where locktype = 'relation'
       and mode = 'AccessExclusiveLock'
       and database = (select oid from pg_database where datname = current_database())
),
file as materialized (
    select c.oid,
           case when %(by_catalog)s or c.oid in (select relation from shut)
                then c.relpages::bigint * current_setting('block_size')::bigint
                else pg_relation_size(c.oid)
           end as bytes
      from pg_class as c
     where c.relkind in ('r', 'm', 'i', 't')
       and c.relpersistence <> 't'
),
index_of as (
    select i.indrelid, sum(file.bytes) as bytes, count(*) as indexes
      from pg_index as i
      join file on file.oid = i.indexrelid
     group by i.indrelid
),
-- Widths tell bloat from rows: a table from which nine tenths were deleted is as long as before. 32 bytes are a row's header,
-- its line pointer and alignment. pg_stats shows the columns that we may read; where one is missing, the sum means nothing.
width as (
    select a.attrelid, 32 + sum(p.avg_width) as bytes
      from pg_attribute as a
      join pg_class as c on c.oid = a.attrelid and c.relkind in ('r', 'm')
      join pg_namespace as n on n.oid = c.relnamespace
      left join pg_stats as p
        on p.schemaname = n.nspname and p.tablename = c.relname and p.attname = a.attname and not p.inherited
     where a.attnum > 0
       and not a.attisdropped
       and n.nspname not in ('pg_catalog', 'information_schema')
     group by a.attrelid
    having count(*) = count(p.avg_width)
)
select n.nspname || '.' || c.relname as relation,
       c.relkind::text as kind,
       coalesce(heap.bytes, 0) as heap_bytes,
       coalesce(index_of.bytes, 0) as index_bytes,
       coalesce(toast.bytes, 0) + coalesce(toast_index.bytes, 0) as toast_bytes,
       coalesce(index_of.indexes, 0) as indexes,
       -- Before 14, what was never counted has no rows and no pages.
       case when c.reltuples = 0 and c.relpages = 0 and current_setting('server_version_num')::int < 140000 then -1
            else c.reltuples
       end::float8 as counted_rows,
       c.relpages::bigint * current_setting('block_size')::bigint as counted_bytes,
       coalesce(s.n_live_tup, 0)::float8 as live_rows,
       coalesce(s.n_dead_tup, 0)::float8 as dead_rows,
       coalesce(width.bytes, 0)::float8 as row_bytes,
       coalesce(s.last_vacuum, s.last_autovacuum, s.last_analyze, s.last_autoanalyze) is not null as anchored
  from pg_class as c
  join pg_namespace as n on n.oid = c.relnamespace
  left join file as heap on heap.oid = c.oid
  left join file as toast on toast.oid = c.reltoastrelid
  left join index_of as toast_index on toast_index.indrelid = nullif(c.reltoastrelid, 0)
  left join index_of on index_of.indrelid = c.oid
  left join pg_stat_user_tables as s on s.relid = c.oid
  left join width on width.attrelid = c.oid
 where c.relkind in ('r', 'p', 'm')
   and c.relpersistence <> 't'
   and n.nspname not in ('pg_catalog', 'information_schema')
   and n.nspname not like 'pg\_toast%%'
 order by 1
