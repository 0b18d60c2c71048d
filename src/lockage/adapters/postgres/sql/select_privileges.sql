-- What keeps a role (null: our own) from changing a schema: whether it may create in it, and which relations are not its own.
-- No row where there is no such role. Needs no privilege; costs one pass over pg_class.
-- has_privs: USAGE, not MEMBER, is what a check of ownership asks for; a superuser owns everything.
select r.rolname as role,
       case when n.oid is null then has_database_privilege(r.oid, current_database(), 'CREATE')
            else has_schema_privilege(r.oid, n.oid, 'CREATE')
       end as create_in_schema,
       coalesce(other.relations, '{}') as not_owned,
       (select count(*)
          from pg_class as c
         where c.relnamespace = n.oid
           and c.relkind in ('r', 'p')
           and c.relowner = r.oid) as owned_tables
  from pg_roles as r
  left join pg_namespace as n on n.nspname = %(schema)s
 cross join lateral (
       select array_agg(n.nspname || '.' || c.relname || ' (owner ' || o.rolname || ')' order by c.relname) as relations
         from pg_class as c
         join pg_roles as o on o.oid = c.relowner
        where c.relnamespace = n.oid
          and c.relkind in ('r', 'p', 'v', 'm', 'S', 'f')
          and not pg_has_role(r.oid, c.relowner, 'USAGE')
          -- Of an extension's own relations no migration of an application changes anything.
          and not exists (
              select from pg_depend as d
               where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
          )
 ) as other
 where r.rolname = coalesce(%(role)s::text, current_user)
