-- Room that the server has for locks and WAL, in the units of ``Production``. Needs no privilege; cheap.
select (select setting::int from pg_catalog.pg_settings where name = 'max_locks_per_transaction') as max_locks_per_transaction,
       (select setting::int from pg_catalog.pg_settings where name = 'max_connections') as max_connections,
       (select setting::int from pg_catalog.pg_settings where name = 'max_prepared_transactions') as max_prepared_transactions,
       -- Both are in megabytes; -1 means without a limit.
       (select setting::bigint * 1024 * 1024 from pg_catalog.pg_settings where name = 'max_wal_size') as max_wal_bytes,
       (select case when setting::bigint < 0 then -1 else setting::bigint * 1024 * 1024 end
          from pg_catalog.pg_settings where name = 'max_slot_wal_keep_size') as slot_keep_bytes
