-- One value of a type (%(type)s, an oid) as text, to stand for a parameter; null where none is known. A domain gives one of its
-- base type, an enum its first label. %(which)s: 1, or 2 for another value, which fewer types have. Privilege: none. Cost: under 1 ms.
with recursive base as (
    select t.oid, t.typbasetype, t.typtype, t.typcategory, t.typname, 0 as depth
      from pg_catalog.pg_type as t
     where t.oid = %(type)s
     union all
    select t.oid, t.typbasetype, t.typtype, t.typcategory, t.typname, base.depth + 1
      from base
      join pg_catalog.pg_type as t on t.oid = base.typbasetype
)
select case
           when typtype = 'e' then (
               select e.enumlabel::text from pg_catalog.pg_enum as e where e.enumtypid = base.oid order by e.enumsortorder
               offset %(which)s - 1 limit 1
           )
           when typname = 'uuid' then '00000000-0000-0000-0000-00000000000' || %(which)s::text
           when typname in ('json', 'jsonb') then case %(which)s when 1 then '{}' else '{"a": 1}' end
           when typname = 'interval' then %(which)s::text || ' second'
           when typcategory = 'B' then (%(which)s = 1)::text
           when typcategory = 'N' and typname not like 'reg%%' then %(which)s::text
           when typcategory = 'D' and typname not in ('time', 'timetz') then '2026-01-0' || %(which)s::text || ' 00:00:00+00'
           when typcategory = 'I' then '127.0.0.' || %(which)s::text
           when typcategory = 'S' then pg_catalog.chr(96 + %(which)s)
           when %(which)s > 1 then null
           when typtype in ('r', 'm') then case typtype when 'r' then 'empty' else '{}' end
           when typcategory = 'A' then case when typname in ('int2vector', 'oidvector') then '1' else '{}' end
           when typname = 'bytea' then '\x00'
           when typname in ('time', 'timetz') then '12:00:00'
           when typname in ('regconfig', 'regdictionary') then 'simple'
           when typname = 'regprocedure' then 'pg_catalog.now()'
           when typname = 'regproc' then 'pg_catalog.now'
           when typname = 'regoperator' then 'pg_catalog.+(integer,integer)'
           when typname = 'regoper' then 'pg_catalog.||/'
           when typname = 'regtype' then 'pg_catalog.int4'
           when typname = 'regnamespace' then 'pg_catalog'
           when typname = 'regrole' then pg_catalog.quote_ident(current_user)
           when typname = 'regcollation' then 'pg_catalog."C"'
           when typname like 'reg%%' then 'pg_class'
           when typname in ('macaddr', 'macaddr8') then '08:00:2b:01:02:03'
           when typname = 'bit' or typname = 'varbit' then '1'
           when typname = 'point' then '(0,0)'
           when typname = 'tid' then '(0,1)'
           when typname = 'hstore' then ''
           when typname = 'pg_lsn' then '0/0'
           when typname in ('tsvector', 'tsquery') then ''
       end
  from base
 order by depth desc
 limit 1
