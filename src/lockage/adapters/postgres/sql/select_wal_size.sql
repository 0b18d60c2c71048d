-- Size of all files in pg_wal. Needs pg_monitor, or a superuser; costs one stat a file.
select coalesce(sum(size), 0)::bigint as bytes from pg_ls_waldir()
