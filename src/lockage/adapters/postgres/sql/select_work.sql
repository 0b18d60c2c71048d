-- Progress of long commands, and how much the server has done so far. Needs no privilege for one's own backends,
-- pg_read_all_stats for others'. Cheap. COPY shows its progress from 14 on only: its view, written out, is not asked before.
with progress (pid, command, phase, done_ratio, relid) as (
    select pid, command, phase,
           case when blocks_total > 0 then blocks_done::float8 / blocks_total
                when tuples_total > 0 then tuples_done::float8 / tuples_total
           end,
           relid
      from pg_stat_progress_create_index
    union all
    select pid, command, phase, heap_blks_scanned::float8 / nullif(heap_blks_total, 0), relid
      from pg_stat_progress_cluster
    union all
    select pid, 'VACUUM', phase, heap_blks_scanned::float8 / nullif(heap_blks_total, 0), relid
      from pg_stat_progress_vacuum
    union all
    select s.pid, case s.param5 when 1 then 'COPY FROM' else 'COPY TO' end,
           case s.param6 when 1 then 'FILE' when 2 then 'PROGRAM' when 3 then 'PIPE' else 'CALLBACK' end,
           s.param1::float8 / nullif(s.param2, 0), s.relid
      from (select 'COPY' as command where current_setting('server_version_num')::int >= 140000 offset 0) as known
     cross join lateral pg_stat_get_progress_info(known.command) as s
    union all
    select pid, 'ANALYZE', phase, sample_blks_scanned::float8 / nullif(sample_blks_total, 0), relid
      from pg_stat_progress_analyze
)
select p.pid, p.command, p.phase, p.done_ratio, n.nspname || '.' || c.relname as relation,
       case when pg_is_in_recovery() then 0 else pg_current_wal_insert_lsn() - '0/0' end::bigint as wal_lsn_bytes,
       pg_stat_get_db_blocks_fetched(d.oid) as blocks
  from pg_database as d
  left join progress as p on true
  left join pg_class as c on c.oid = p.relid
  left join pg_namespace as n on n.oid = c.relnamespace
 where d.datname = current_database()
