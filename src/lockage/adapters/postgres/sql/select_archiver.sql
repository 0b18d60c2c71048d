-- Whether WAL is archived, and when that last worked and last failed. Needs no privilege; cheap.
select current_setting('archive_mode') as archive_mode,
       last_archived_wal,
       last_archived_time,
       last_failed_time,
       coalesce(failed_count, 0) as failed_count
  from pg_stat_archiver
