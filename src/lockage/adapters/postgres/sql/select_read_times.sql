-- How many blocks this database has read, and how long that took in milliseconds (0 without track_io_timing).
-- Privilege: none. Cost: under 1 ms.
select coalesce(blks_read, 0)::bigint as reads, coalesce(blk_read_time, 0)::float8 as read_ms
  from pg_stat_database
 where datname = current_database()
