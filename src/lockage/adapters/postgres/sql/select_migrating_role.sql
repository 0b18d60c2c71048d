-- Whose tables these are: the asking role if it owns any, else the role that owns most. No row where there are no tables.
-- Privilege: none. Cost: one pass over pg_class.
select r.rolname
  from pg_catalog.pg_class as c
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
  join pg_catalog.pg_roles as r on r.oid = c.relowner
 where c.relkind in ('r', 'p')
   and c.relpersistence <> 't'
   and n.nspname <> 'information_schema'
   and n.nspname !~ '^pg_'
 group by r.rolname
 order by r.rolname = current_user desc, count(*) desc, r.rolname
 limit 1
