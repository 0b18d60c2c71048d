-- The same from PostgreSQL 18 on, where pg_stat_io has it.
-- Privilege: none. Cost: under 1 ms.
select coalesce(sum(fsyncs), 0)::bigint as syncs, coalesce(sum(fsync_time), 0)::float8 as sync_ms
  from pg_stat_io
 where object = 'wal' and backend_type = 'client backend'
