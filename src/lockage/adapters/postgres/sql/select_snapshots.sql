-- Sessions of this database that keep a snapshot: a concurrent build of an index waits until those older than it are gone.
-- Vacuums and our own sessions are left out, as nobody waits for the first, and the second end at once.
-- Privilege: pg_read_all_stats for the snapshots of other roles' sessions, which do not show otherwise. Cost: one look at
-- pg_stat_activity.
select pid, extract(epoch from clock_timestamp() - xact_start)::float8 as age_s
  from pg_catalog.pg_stat_activity
 where datname = current_database()
   and pid <> pg_backend_pid()
   and backend_xmin is not null
   and xact_start is not null
   and application_name not like 'lockage/%'
   and query not like 'autovacuum:%'
 order by age_s desc
