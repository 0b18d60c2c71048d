-- Settings that stand in the catalog for this database, for a role, or for a role in this database.
-- role null: all roles; everywhere: in every database. Privilege: none. Cost: under 1 ms.
select r.rolname as role, s.setdatabase = 0 as everywhere, s.setconfig as settings
  from pg_catalog.pg_db_role_setting as s
  left join pg_catalog.pg_roles as r on r.oid = s.setrole
 where (s.setdatabase = 0 or s.setdatabase = (select oid from pg_catalog.pg_database where datname = current_database()))
   and (s.setrole = 0 or r.rolname is not null)
 order by everywhere, role nulls first
