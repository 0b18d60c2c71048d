-- Triggers, rules and views: one row each, (kind, JSON list). Of the relations in {wanted}, an array of oids; null: of all.
-- Run in the traced session itself, for what its open transaction made is invisible to others; so without parameters, and with
-- every name qualified. Privilege: none. Cost: about 3 ms for 100 tables, 1 ms for a few; no lock is kept.
select 'triggers',
       pg_catalog.json_agg(pg_catalog.json_build_array(
           t.tgname, t.tgrelid::bigint, p.oid::bigint, pg_catalog.concat(n.nspname, '.', p.proname), t.tgtype::integer,
           array(
               select a.attname
                 from pg_catalog.unnest(t.tgattr::smallint[]) with ordinality as k (number, place)
                 join pg_catalog.pg_attribute as a on a.attrelid = t.tgrelid and a.attnum = k.number
                order by k.place
           )
       ))
  from pg_catalog.pg_trigger as t
  join pg_catalog.pg_proc as p on p.oid = t.tgfoid
  join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
 where not t.tgisinternal and t.tgenabled in ('O', 'A') and t.oid >= 16384
   and ({wanted} is null or t.tgrelid = any ({wanted}))
union all
-- Source: nodes/nodes.h, CmdType, as pg_rewrite.ev_type writes it.
select 'rewrites',
       pg_catalog.json_agg(pg_catalog.json_build_array(
           r.rulename, r.ev_class::bigint, case r.ev_type when '2' then 'UPDATE' when '3' then 'INSERT' else 'DELETE' end,
           pg_catalog.pg_get_ruledef(r.oid)
       ))
  from pg_catalog.pg_rewrite as r
 where r.oid >= 16384 and r.rulename <> '_RETURN' and r.ev_type <> '1' and r.ev_enabled in ('O', 'A')
   and ({wanted} is null or r.ev_class = any ({wanted}))
union all
select 'views', pg_catalog.json_agg(distinct pg_catalog.jsonb_build_array(r.ev_class::bigint, d.refobjid::bigint))
  from pg_catalog.pg_rewrite as r
  join pg_catalog.pg_class as v on v.oid = r.ev_class and v.relkind = 'v'
  join pg_catalog.pg_depend as d
    on d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass and d.objid = r.oid
   and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.refobjid <> r.ev_class
 where r.oid >= 16384 and ({wanted} is null or r.ev_class = any ({wanted}))
union all
-- Source: nodes/nodes.h, CmdType: bits of UPDATE 4, INSERT 8, DELETE 16.
select 'writable_views', pg_catalog.json_agg(v.oid::bigint)
  from pg_catalog.pg_class as v
 where v.relkind = 'v' and v.oid >= 16384 and ({wanted} is null or v.oid = any ({wanted}))
   and pg_catalog.pg_relation_is_updatable(v.oid, false) & 28 <> 0
