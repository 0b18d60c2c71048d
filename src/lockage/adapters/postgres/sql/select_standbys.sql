-- Standbys that this server sends to; a running base backup is none. Needs pg_read_all_stats for state and lag; cheap.
select coalesce(nullif(application_name, ''), host(client_addr), usename, pid::text) as name,
       coalesce(state, '') as state,
       coalesce(sync_state, '') as sync_state,
       extract(epoch from replay_lag)::float8 as replay_lag_s,
       (case when pg_is_in_recovery() then pg_last_wal_receive_lsn() else pg_current_wal_lsn() end - replay_lsn)::bigint
           as replay_lag_bytes
  from pg_stat_replication
 where coalesce(state, '') <> 'backup'
 order by 1
