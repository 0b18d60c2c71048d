-- Puts settings in force for later sessions exactly as the original's catalog has them, which ALTER ROLE ... SET cannot do for
-- settings that are lists. For a shadow only: it writes into a system catalog.
-- Privilege: superuser. Cost: under 1 ms.
insert into pg_catalog.pg_db_role_setting (setdatabase, setrole, setconfig)
select case when %(everywhere)s then 0 else d.oid end,
       coalesce((select oid from pg_catalog.pg_roles where rolname = %(role)s), 0),
       %(settings)s::text[]
  from pg_catalog.pg_database as d
 where d.datname = current_database()
