-- Roles that are connected to this database now, our own sessions left out, and whether each may do everything.
-- Privilege: none; the name of a session's role is shown to all. Cost: one pass over the sessions.
select distinct r.rolname as name, r.rolsuper as superuser
  from pg_catalog.pg_stat_activity as a
  join pg_catalog.pg_roles as r on r.oid = a.usesysid
 where a.datname = pg_catalog.current_database()
   and a.application_name not like 'lockage/%'
 order by 1
