-- Settings that end or refuse a migration, as a session of a role (null: our own) in this database begins with them. What is
-- said for the role in the database wins over the role's own, that over the database's, and that over the server's.
-- The server's own value is told by reset_val, unless something of ours in the catalog hides it. Needs no privilege; cheap.
with wanted as (
    select r.oid as role, d.oid as database
      from pg_roles as r
      join pg_database as d on d.datname = current_database()
     where r.rolname = coalesce(%(role)s::text, current_user)
),
said as (
    select split_part(one, '=', 1) as name,
           substr(one, strpos(one, '=') + 1) as value,
           s.setrole, s.setdatabase
      from pg_db_role_setting as s
     cross join unnest(s.setconfig) as one
),
nearest as (
    select distinct on (said.name) said.name, said.value
      from said
      join wanted on said.setrole in (0, wanted.role) and said.setdatabase in (0, wanted.database)
     order by said.name, said.setrole = 0, said.setdatabase = 0
),
hidden as (
    select distinct said.name
      from said
     where said.setrole in (0, (select oid from pg_roles where rolname = current_user))
       and said.setdatabase in (0, (select oid from pg_database where datname = current_database()))
)
select p.name,
       coalesce(nearest.value, case when hidden.name is null then p.reset_val else p.boot_val end) as value,
       p.unit
  from pg_settings as p
  left join nearest on nearest.name = p.name
  left join hidden on hidden.name = p.name
 where p.name = any (%(names)s)
   and exists (select from wanted)
 order by p.name
