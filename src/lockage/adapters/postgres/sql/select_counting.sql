-- Whether this server counts how tables and indexes are used, since when, and what its clock says. Needs no privilege; costs nothing.
-- Where no reset is known its counters are at least as old as its process: it begins with those that it wrote down when it was
-- stopped, or, behind a crash, with none.
select current_setting('track_counts')::boolean as counts,
       coalesce(d.stats_reset, pg_catalog.pg_postmaster_start_time()) as since,
       pg_catalog.clock_timestamp() as now
  from pg_catalog.pg_stat_database as d
 where d.datname = pg_catalog.current_database()
