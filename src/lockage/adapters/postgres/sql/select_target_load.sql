-- Who is at work, how old the oldest open transaction is, and how long a synchronous standby takes to confirm.
-- Privilege: pg_read_all_stats to see other roles' sessions; without it "hidden" counts them. Cost: under 1 ms.
-- Our own sessions hold up nobody: they end before the script begins.
select count(*) filter (where a.state = 'active') as active,
       count(*) filter (where a.backend_type is null) as hidden,
       coalesce(
           max(extract(epoch from clock_timestamp() - a.xact_start)) filter (where a.backend_type = 'client backend'), 0
       )::float8 as oldest_s,
       (
           select max(extract(epoch from coalesce(r.flush_lag, interval '0')))::float8
             from pg_stat_replication as r
            where r.sync_state in ('sync', 'quorum')
       ) as standby_s
  from pg_stat_activity as a
 where a.pid <> pg_backend_pid()
   and a.application_name not like 'lockage/%%'
