-- Replication slots of the server, with the WAL that each keeps. Needs no privilege; cheap.
select slot_name::text as name,
       slot_type as kind,
       active,
       (case when pg_is_in_recovery() then pg_last_wal_receive_lsn() else pg_current_wal_lsn() end - restart_lsn)::bigint
           as retained_bytes,
       coalesce(wal_status, '') as wal_status
  from pg_replication_slots
 order by 1
