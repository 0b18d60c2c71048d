-- The server, ourselves and our privileges, in one row. Needs no privilege; the size costs one stat a file of the database.
-- has_privs: USAGE, not MEMBER, is what pg_terminate_backend and pg_stat_activity ask for.
select split_part(current_setting('server_version'), ' ', 1) as version,
       current_setting('server_version_num')::int as version_num,
       current_database() as database,
       current_user as "user",
       me.rolsuper as superuser,
       me.rolsuper or pg_has_role(current_user, 'pg_signal_backend', 'USAGE') as can_signal,
       me.rolsuper or pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') as can_see_others,
       pg_is_in_recovery() as in_recovery,
       pg_database_size(current_database()) as size_bytes,
       -- backend_type is null where it is not visible; datid is null for the server's own processes.
       (select count(*)
          from pg_stat_activity
         where datid is not null
           and coalesce(backend_type, 'client backend') = 'client backend') as connections,
       (select count(*) from pg_prepared_xacts where database = current_database()) as prepared_transactions,
       pg_postmaster_start_time() as started_at,
       -- A crash of a backend restarts everything but the postmaster. Null where it may not be seen.
       (select backend_start from pg_stat_activity where backend_type = 'checkpointer') as recovered_at
  from pg_roles as me
 where me.rolname = current_user
