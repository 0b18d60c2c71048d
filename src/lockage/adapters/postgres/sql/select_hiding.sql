-- What may hide rows from statements with the words %(words)s, in lower case: views that they name, views below these, each with its
-- query, and tables with policies, without one. Privilege: none. Cost: under 1 ms, and 0.1 ms for each view.
with recursive named (oid) as (
    select c.oid
      from pg_catalog.pg_class as c
     where c.oid >= 16384 and c.relkind in ('r', 'p', 'v') and pg_catalog.lower(c.relname::text) = any (%(words)s)
     union
    select d.refobjid
      from named
      join pg_catalog.pg_rewrite as r on r.ev_class = named.oid and r.rulename = '_RETURN'
      join pg_catalog.pg_depend as d
        on d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass and d.objid = r.oid
       and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.refobjid >= 16384
)
select pg_catalog.format('%%I.%%I', n.nspname, c.relname),
       case c.relkind when 'v' then pg_catalog.pg_get_viewdef(c.oid) end
  from named
  join pg_catalog.pg_class as c on c.oid = named.oid
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
 where c.relkind = 'v' or c.relrowsecurity
 order by c.oid
