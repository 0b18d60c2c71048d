-- The table whose rows a view of one relation shows, through views of one relation below it; nothing where %(relation)s is no such
-- view. Privilege: none. Cost: under 1 ms.
with recursive below (oid, steps) as (
    select pg_catalog.to_regclass(%(relation)s)::pg_catalog.oid, 0
     union all
    select (
               select case when pg_catalog.count(distinct d.refobjid) = 1 then pg_catalog.min(d.refobjid) end
                 from pg_catalog.pg_rewrite as r
                 join pg_catalog.pg_depend as d
                   on d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass and d.objid = r.oid
                  and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.refobjid <> r.ev_class
                where r.ev_class = below.oid and r.rulename = '_RETURN'
           ),
           below.steps + 1
      from below
     where below.oid is not null
)
select pg_catalog.format('%%I.%%I', n.nspname, c.relname)
  from below
  join pg_catalog.pg_class as c on c.oid = below.oid and c.relkind in ('r', 'p')
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
 where below.steps > 0
