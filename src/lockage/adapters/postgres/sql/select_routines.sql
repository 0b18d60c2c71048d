-- Functions and procedures but for those of extensions: one row, (kind, JSON list).
-- Run in the traced session itself, for what its open transaction made is invisible to others; so without parameters, and with
-- every name qualified. Privilege: none. Cost: about 2 ms for 100 routines; takes no lock.
select 'routines',
       pg_catalog.json_agg(pg_catalog.json_build_array(
           p.oid::bigint, pg_catalog.concat(n.nspname, '.', p.proname), l.lanname, pg_catalog.pg_get_functiondef(p.oid)
       ))
  from pg_catalog.pg_proc as p
  join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
  join pg_catalog.pg_language as l on l.oid = p.prolang
 where p.oid >= 16384 and p.prokind in ('f', 'p')
   and not exists (
       select from pg_catalog.pg_depend as d
        where d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and d.objid = p.oid and d.deptype = 'e'
   )
