-- How many connections there may be and are: of a role (null: our own), of this database, of the server. -1: no limit.
-- Needs no privilege; cheap. No row where there is no such role.
with backend as materialized (
    -- backend_type is null where it is not visible; datid is null for the server's own processes.
    select usesysid, datid
      from pg_stat_activity
     where datid is not null
       and coalesce(backend_type, 'client backend') = 'client backend'
)
select r.rolname as role,
       r.rolconnlimit as role_limit,
       nullif(r.rolvaliduntil, 'infinity') as password_until,
       (select count(*) from backend where usesysid = r.oid) as role_connections,
       d.datconnlimit as database_limit,
       (select count(*) from backend where datid = d.oid) as database_connections,
       current_setting('max_connections')::int as server_limit,
       current_setting('superuser_reserved_connections')::int
           + coalesce(nullif(current_setting('reserved_connections', true), ''), '0')::int as reserved,
       (select count(*) from backend) as server_connections
  from pg_roles as r
  join pg_database as d on d.datname = current_database()
 where r.rolname = coalesce(%(role)s::text, current_user)
