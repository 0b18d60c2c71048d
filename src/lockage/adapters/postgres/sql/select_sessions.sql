-- Everybody in this database: clients always, others (autovacuum, workers of extensions) when they hold or await a lock that
-- users feel. Needs pg_read_all_stats for other roles' state, query and address; pid, name, waits and blockers show without.
-- Costs well under a millisecond; pg_blocking_pids stops the lock table for a moment, so only waiting backends are asked for.
with lock as materialized (
    select pid, locktype, database, relation, virtualxid, granted
      from pg_locks
     where locktype <> 'virtualxid' or not granted
),
waiting as (
    select distinct on (pid) pid, locktype
      from lock
     where not granted
)
select clock_timestamp() as at,
       a.pid,
       a.backend_start,
       coalesce(a.usename, '') as "user",
       coalesce(a.datname, '') as database,
       case when coalesce(a.backend_type, 'client backend') = 'client backend' then a.application_name
            else coalesce(nullif(a.application_name, ''), a.backend_type)
       end as application_name,
       host(a.client_addr) as client_address,
       nullif(a.client_port, -1) as client_port,
       a.state,
       case when a.wait_event_type is null and w.pid is not null and a.backend_start is null then 'Lock'
            else a.wait_event_type
       end as wait_event_type,
       case when a.wait_event_type is null and w.pid is not null and a.backend_start is null then w.locktype
            else a.wait_event
       end as wait_event,
       extract(epoch from clock_timestamp() - a.xact_start)::float8 as transaction_age_s,
       extract(epoch from clock_timestamp() - a.query_start)::float8 as statement_age_s,
       extract(epoch from clock_timestamp() - a.state_change)::float8 as state_age_s,
       case when a.backend_start is null then '' else coalesce(a.query, '') end as query,
       case when w.pid is not null then pg_blocking_pids(a.pid) else '{}' end as blocked_by
  from pg_stat_activity as a
  left join waiting as w on w.pid = a.pid
 where a.datname = current_database()
   and a.pid <> pg_backend_pid()
   and a.leader_pid is null  -- parallel workers come and go with their leader, who holds the same locks
   and (coalesce(a.backend_type, 'client backend') = 'client backend'
        or a.pid in (select lock.pid from lock where locktype = 'relation' and relation >= 16384))
 order by a.pid
