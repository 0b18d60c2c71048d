-- Triggers, rules, views, and what else uses functions: one row each, (kind, JSON list). Of the relations in {wanted}, an array of
-- oids; null: of all.
-- Run in the traced session itself, for what its open transaction made is invisible to others; so without parameters, and with
-- every name qualified. Where an oid is cast, no index is wanted for it: the planner knows nothing of how many rows there are.
-- Privilege: none. Cost: about 3 ms for 100 tables, 1 ms for a few, however many there are; no lock is kept.
select 'triggers',
       pg_catalog.json_agg(pg_catalog.json_build_array(
           t.tgname, t.tgrelid::bigint, p.oid::bigint, pg_catalog.concat(n.nspname, '.', p.proname), t.tgtype::integer,
           array(
               select a.attname
                 from pg_catalog.unnest(t.tgattr::smallint[]) with ordinality as k (number, place)
                 join pg_catalog.pg_attribute as a on a.attrelid = t.tgrelid and a.attnum = k.number
                order by k.place
           ),
           t.tgqual is not null
       ))
  from pg_catalog.pg_trigger as t
  join pg_catalog.pg_proc as p on p.oid = t.tgfoid
  join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
 where not t.tgisinternal and t.tgenabled in ('O', 'A') and t.oid::bigint >= 16384
   and ({wanted} is null or t.tgrelid = any ({wanted}))
union all
-- Source: nodes/nodes.h, CmdType, as pg_rewrite.ev_type writes it.
select 'rewrites',
       pg_catalog.json_agg(pg_catalog.json_build_array(
           r.rulename, r.ev_class::bigint, case r.ev_type when '2' then 'UPDATE' when '3' then 'INSERT' else 'DELETE' end,
           pg_catalog.pg_get_ruledef(r.oid)
       ))
  from pg_catalog.pg_rewrite as r
 where r.oid::bigint >= 16384 and r.rulename <> '_RETURN' and r.ev_type <> '1' and r.ev_enabled in ('O', 'A')
   and ({wanted} is null or r.ev_class = any ({wanted}))
union all
select 'views', pg_catalog.json_agg(distinct pg_catalog.jsonb_build_array(r.ev_class::bigint, d.refobjid::bigint))
  from pg_catalog.pg_rewrite as r
  join pg_catalog.pg_class as v on v.oid = r.ev_class and v.relkind = 'v' and r.ev_type = '1'
  join pg_catalog.pg_depend as d
    on d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass and d.objid = r.oid
   and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.refobjid <> r.ev_class
 where r.oid::bigint >= 16384 and ({wanted} is null or r.ev_class = any ({wanted}))
union all
-- Views that read nothing but ONLY a table that has heirs, by all places of it in their query's tree, which each major writes in an
-- order of its own. Source: nodes/parsenodes.h, RangeTblEntry, PostgreSQL 13 to 18.
select 'views_of_only', pg_catalog.json_agg(distinct pg_catalog.jsonb_build_array(r.ev_class::bigint, d.refobjid::bigint))
  from pg_catalog.pg_rewrite as r
  join pg_catalog.pg_class as v on v.oid = r.ev_class and v.relkind = 'v' and r.ev_type = '1'
  join pg_catalog.pg_depend as d
    on d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass and d.objid = r.oid
   and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
  join pg_catalog.pg_class as t on t.oid = d.refobjid and t.relkind = 'r' and t.relhassubclass
 where r.oid::bigint >= 16384 and ({wanted} is null or r.ev_class = any ({wanted}))
   and not exists (
       select
         from pg_catalog.regexp_matches(
                  r.ev_action::text, pg_catalog.concat(':rtekind 0 :relid ', t.oid, ' (:.{{0,80}})'), 'g'
              ) as e (found)
        where e.found[1] !~ '^(:relkind . :rellockmode [0-9]+ :tablesample <> :lateral (true|false) )?:inh false '
   )
union all
-- What executes functions of users' by itself, and tables that row security reads: relation, by what, routine, table, for whom.
select 'uses',
       pg_catalog.json_agg(distinct pg_catalog.jsonb_build_array(
           u.relation::bigint, u.by, case when p.oid is null then null else pg_catalog.concat(n.nspname, '.', p.proname) end,
           u.reads::bigint, u.event
       ))
  from (
      select c.conrelid as relation, 'check ' || c.conname as by, d.refobjid as routine, null::oid as reads, 'WRITE' as event
        from pg_catalog.pg_depend as d
        join pg_catalog.pg_constraint as c on c.oid = d.objid and c.contype = 'c' and c.conrelid <> 0
       where d.classid::bigint = 'pg_catalog.pg_constraint'::pg_catalog.regclass::oid::bigint
         and d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass and d.refobjid >= 16384
      union all
      select f.adrelid, case when a.attgenerated = '' then 'default of its column ' else 'generated column ' end || a.attname,
             d.refobjid, null, case when a.attgenerated = '' then 'INSERT' when a.attgenerated = 's' then 'WRITE' else 'READ' end
        from pg_catalog.pg_depend as d
        join pg_catalog.pg_attrdef as f on f.oid = d.objid
        join pg_catalog.pg_attribute as a on a.attrelid = f.adrelid and a.attnum = f.adnum
       where d.classid::bigint = 'pg_catalog.pg_attrdef'::pg_catalog.regclass::oid::bigint
         and d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass and d.refobjid >= 16384
      union all
      select i.indrelid, 'index ' || c.relname, d.refobjid, null, 'WRITE'
        from pg_catalog.pg_depend as d
        join pg_catalog.pg_index as i on i.indexrelid = d.objid
        join pg_catalog.pg_class as c on c.oid = i.indexrelid
       where d.classid::bigint = 'pg_catalog.pg_class'::pg_catalog.regclass::oid::bigint
         and d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass and d.refobjid >= 16384
      union all
      select r.ev_class, 'query', d.refobjid, null, 'READ'
        from pg_catalog.pg_depend as d
        join pg_catalog.pg_rewrite as r on r.oid = d.objid and r.ev_type = '1'
        join pg_catalog.pg_class as v on v.oid = r.ev_class and v.relkind = 'v'
       where d.classid::bigint = 'pg_catalog.pg_rewrite'::pg_catalog.regclass::oid::bigint
         and d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass and d.refobjid >= 16384
      union all
      select y.polrelid, 'policy ' || y.polname,
             case when d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass then d.refobjid end,
             case when d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass then d.refobjid end, 'READ'
        from pg_catalog.pg_policy as y
        join pg_catalog.pg_class as c on c.oid = y.polrelid and c.relrowsecurity
        join pg_catalog.pg_depend as d
          on d.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass and d.objid = y.oid and d.refobjid >= 16384
         and d.refobjid <> y.polrelid
         and d.refclassid in ('pg_catalog.pg_proc'::pg_catalog.regclass, 'pg_catalog.pg_class'::pg_catalog.regclass)
  ) as u
  left join pg_catalog.pg_proc as p on p.oid = u.routine
  left join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
 where {wanted} is null or u.relation = any ({wanted})
union all
-- Those of domains' checks, of all relations: they come and go without a lock on any.
select 'uses_of_domains',
       pg_catalog.json_agg(distinct pg_catalog.jsonb_build_array(
           a.attrelid::bigint, pg_catalog.concat('check ', c.conname, ' of its column ', a.attname),
           pg_catalog.concat(n.nspname, '.', p.proname), null, 'WRITE'
       ))
  from pg_catalog.pg_depend as d
  join pg_catalog.pg_constraint as c on c.oid = d.objid and c.contype = 'c' and c.contypid <> 0
  join pg_catalog.pg_proc as p on p.oid = d.refobjid
  join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
 -- OFFSET 0: columns are looked through only where there is such a domain.
 cross join lateral (
     select a.attrelid, a.attname from pg_catalog.pg_attribute as a where a.atttypid = c.contypid and not a.attisdropped offset 0
 ) as a
 where d.classid::bigint = 'pg_catalog.pg_constraint'::pg_catalog.regclass::oid::bigint
   and d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass and d.refobjid >= 16384
union all
-- Through which changes reach a table below; a rule INSTEAD, or a trigger, does something of its own.
-- Source: nodes/nodes.h, CmdType: bits of UPDATE 4, INSERT 8, DELETE 16.
select 'writable_views', pg_catalog.json_agg(v.oid::bigint)
  from pg_catalog.pg_class as v
 where v.relkind = 'v' and v.oid >= 16384 and ({wanted} is null or v.oid = any ({wanted}))
   and pg_catalog.pg_relation_is_updatable(v.oid, false) & 28 & ~ coalesce((
       select pg_catalog.bit_or(1 << r.ev_type::text::integer)
         from pg_catalog.pg_rewrite as r
        where r.ev_class = v.oid and r.ev_type <> '1' and r.is_instead and r.ev_enabled in ('O', 'A')
   ), 0) <> 0
union all
-- Views of one table, from whose query's tree the names of columns below are read, since pg_get_viewdef would keep a lock on that.
-- The tree's last target list is the view's own, unless a subquery stands in it: then the numbers differ, and nothing is said.
-- Source: nodes/primnodes.h, TargetEntry; nodes/parsenodes.h, Query: the condition stands in jointree.
select 'views_below',
       pg_catalog.json_agg(pg_catalog.json_build_array(v.oid::bigint, t.table_oid::bigint, t.columns, t.filtered))
  from pg_catalog.pg_class as v
  join pg_catalog.pg_rewrite as r on r.ev_class = v.oid and r.rulename = '_RETURN'
 cross join lateral (
     select pg_catalog.max(e.found[2]::bigint) as table_oid,
            pg_catalog.json_agg(a.attname order by e.found[1]::integer) as columns,
            pg_catalog.count(*) as number,
            pg_catalog.count(distinct e.found[2]) filter (where e.found[2] <> '0') as tables,
            pg_catalog.substring(r.ev_action::text, ':jointree [{{]FROMEXPR :fromlist [(][^)]*[)] :quals (..)') is distinct from '<>' as filtered
       from pg_catalog.regexp_matches(
                pg_catalog.substring(r.ev_action::text, '^.* :targetList [(](.*)$'),
                ':resno ([0-9]+) :resname [^ ]+ :ressortgroupref [0-9]+ :resorigtbl ([0-9]+) :resorigcol ([0-9]+) :resjunk false', 'g'
            ) as e (found)
       left join pg_catalog.pg_attribute as a on a.attrelid = e.found[2]::oid and a.attnum = e.found[3]::integer
 ) as t
 where v.relkind = 'v' and v.oid >= 16384 and ({wanted} is null or v.oid = any ({wanted}))
   and t.tables = 1
   and t.number = (
       select pg_catalog.count(*) from pg_catalog.pg_attribute as a where a.attrelid = v.oid and a.attnum > 0
   )
   and pg_catalog.pg_relation_is_updatable(v.oid, false) & 28 <> 0
