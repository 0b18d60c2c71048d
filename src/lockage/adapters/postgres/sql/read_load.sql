-- One sample of how busy this database is, for windows where the profile has no better source.
-- Privilege: none. Without pg_read_all_stats the activity of other roles' sessions is not seen, and counts as none.
-- Cost: one row of statistics and one look at pg_stat_activity.
SELECT
    clock_timestamp() AS at,
    pg_postmaster_start_time() AS started_at,
    d.stats_reset AS reset_at,
    (d.xact_commit + d.xact_rollback)::bigint AS transactions,
    (
        SELECT count(*)
        FROM pg_stat_activity a
        WHERE a.datid = d.datid
          AND a.backend_type = 'client backend'
          AND a.application_name NOT LIKE 'lockage/%'
          AND a.state_change > clock_timestamp() - interval '1 minute'
    )::bigint AS sessions
FROM pg_stat_database d
WHERE d.datname = current_database()
