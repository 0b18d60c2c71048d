-- What runs one of the routines with these names, in small letters, when it is used: by itself, as a domain by its check, or through
-- one another; one row, (kind, JSON list of [kind, name]). By pg_depend, which knows every use but those in texts.
-- Run in the traced session itself, for what its open transaction made is invisible to others; so without parameters, and with
-- every name qualified. Privilege: none. Cost: about 2 ms for each such routine; takes no lock.
with recursive reached (classid, objid) as (
    select 'pg_catalog.pg_proc'::pg_catalog.regclass::oid, p.oid
      from pg_catalog.pg_proc as p
     where p.oid >= 16384 and pg_catalog.lower(p.proname) = any ({routines})
    union
    select n.classid, n.objid
      from reached as r
     cross join lateral (
         -- Whoever uses it; a foreign key only looks.
         select d.classid, d.objid
           from pg_catalog.pg_depend as d
           left join pg_catalog.pg_constraint as c
             on d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass and c.oid = d.objid
          where d.refclassid = r.classid and d.refobjid = r.objid and d.deptype in ('n', 'a', 'i') and c.contype is distinct from 'f'
         union all
         -- Whatever it is a part of: a check of its table or domain, a rule of its view, a cast of its types.
         select d.refclassid, d.refobjid
           from pg_catalog.pg_depend as d
          where d.classid = r.classid and d.objid = r.objid
            and (
                d.deptype in ('a', 'i')
                and r.classid in (
                    'pg_catalog.pg_constraint'::pg_catalog.regclass, 'pg_catalog.pg_attrdef'::pg_catalog.regclass,
                    'pg_catalog.pg_rewrite'::pg_catalog.regclass, 'pg_catalog.pg_policy'::pg_catalog.regclass,
                    'pg_catalog.pg_trigger'::pg_catalog.regclass, 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass,
                    'pg_catalog.pg_class'::pg_catalog.regclass
                )
                or r.classid = 'pg_catalog.pg_cast'::pg_catalog.regclass and d.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass
            )
            and d.refclassid in ('pg_catalog.pg_class'::pg_catalog.regclass, 'pg_catalog.pg_type'::pg_catalog.regclass)
     ) as n
     where n.objid >= 16384
)
select 'leading_out', pg_catalog.json_agg(distinct pg_catalog.jsonb_build_array(f.kind, pg_catalog.lower(f.name)))
  from (
      select 'relation' as kind, c.relname::text as name
        from reached as r join pg_catalog.pg_class as c on c.oid = r.objid
       where r.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
      union all
      select 'type', t.typname::text
        from reached as r join pg_catalog.pg_type as t on t.oid = r.objid
       where r.classid = 'pg_catalog.pg_type'::pg_catalog.regclass
      union all
      select 'routine', p.proname::text
        from reached as r join pg_catalog.pg_proc as p on p.oid = r.objid
       where r.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
      union all
      select 'operator', o.oprname::text
        from reached as r join pg_catalog.pg_operator as o on o.oid = r.objid
       where r.classid = 'pg_catalog.pg_operator'::pg_catalog.regclass
      union all
      select 'event trigger', e.evtname::text
        from reached as r join pg_catalog.pg_event_trigger as e on e.oid = r.objid
       where r.classid = 'pg_catalog.pg_event_trigger'::pg_catalog.regclass and e.evtenabled <> 'D'
  ) as f
