-- Names of whoever receives WAL from this server, base backups included. Needs no privilege; cheap.
select distinct application_name
  from pg_stat_replication
 where coalesce(application_name, '') <> ''
 order by 1
