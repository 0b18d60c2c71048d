-- Flushes of the WAL and how long they took in milliseconds (0 without track_wal_io_timing). PostgreSQL 14 to 17.
-- Privilege: none. Cost: under 1 ms.
select coalesce(wal_sync, 0)::bigint as syncs, coalesce(wal_sync_time, 0)::float8 as sync_ms
  from pg_stat_wal
