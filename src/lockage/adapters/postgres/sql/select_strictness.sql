-- What a database demands of the rows that are written into it: one row each, (kind, JSON list). Only what users made.
-- Every name is qualified, for the session may have any search_path. Privilege: none. Cost: some 10 ms for 100 tables.
with tables as (
    select c.oid, pg_catalog.concat(n.nspname, '.', c.relname) as name, c.relkind, c.relrowsecurity, c.relforcerowsecurity
      from pg_catalog.pg_class as c
      join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
     where c.oid >= 16384 and c.relkind in ('r', 'p', 'f', 'v', 'm', 'S') and n.nspname !~ '^pg_(toast|temp)'
), keys as (
    select i.indrelid, i.indexrelid, i.indisexclusion,
           array(
               select a.attname
                 from pg_catalog.unnest(i.indkey::smallint[]) with ordinality as k (number, place)
                 join pg_catalog.pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.number
                where k.place <= i.indnkeyatts
                order by k.place
           ) as columns,
           nullif(pg_catalog.concat_ws(' ', pg_catalog.pg_get_expr(i.indexprs, i.indrelid),
                                       'where ' || pg_catalog.pg_get_expr(i.indpred, i.indrelid),
                                       -- Since 15.
                                       case when (pg_catalog.to_jsonb(i) ->> 'indnullsnotdistinct')::boolean
                                            then 'nulls not distinct' end), '') as rest,
           i.indexprs is not null as computed,
           array(  -- of its expressions and its predicate
               select a.attname
                 from pg_catalog.pg_depend as d
                 join pg_catalog.pg_attribute as a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
                where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = i.indexrelid and d.refobjid = i.indrelid
                  and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.refobjsubid > 0
           ) as watched,
           coalesce(x.conname, r.relname) as name,
           case when i.indisexclusion then pg_catalog.pg_get_constraintdef(x.oid) end as exclusion
      from pg_catalog.pg_index as i
      join pg_catalog.pg_class as r on r.oid = i.indexrelid
      left join pg_catalog.pg_constraint as x on x.conindid = i.indexrelid and x.contype in ('p', 'u', 'x')
     where i.indrelid >= 16384 and (i.indisunique or i.indisexclusion) and i.indisready
)
select 'tables', pg_catalog.json_agg(pg_catalog.json_build_array(
           oid::bigint, name, relkind, relrowsecurity, relforcerowsecurity))
  from tables
union all
select 'columns', pg_catalog.json_agg(pg_catalog.json_build_array(
           a.attrelid::bigint, a.attnum, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull,
           a.atthasdef or a.attidentity <> '', a.atttypid::bigint) order by a.attrelid, a.attnum)
  from tables
  join pg_catalog.pg_attribute as a on a.attrelid = tables.oid and a.attnum > 0 and not a.attisdropped
 where tables.relkind <> 'S'
union all
select 'constraints', pg_catalog.json_agg(pg_catalog.json_build_array(
           c.conrelid::bigint, c.oid::bigint, c.contype, c.conname, pg_catalog.replace(pg_catalog.pg_get_constraintdef(c.oid), ' NOT VALID', ''),
           array(
               select a.attname
                 from pg_catalog.unnest(c.conkey) as k (number)
                 join pg_catalog.pg_attribute as a on a.attrelid = c.conrelid and a.attnum = k.number
           ),
           c.confrelid::bigint, c.confdeltype, c.confupdtype,
           array(
               select a.attname
                 from pg_catalog.unnest(c.confkey) as k (number)
                 join pg_catalog.pg_attribute as a on a.attrelid = c.confrelid and a.attnum = k.number
           )))
  from pg_catalog.pg_constraint as c
  join tables on tables.oid = c.conrelid
 where c.contype in ('c', 'f') and c.conparentid = 0
union all
select 'keys', pg_catalog.json_agg(pg_catalog.json_build_array(
           indrelid::bigint, indexrelid::bigint, case when indisexclusion then 'x' else 'u' end, name,
           coalesce(exclusion, pg_catalog.concat_ws(' ', nullif(pg_catalog.array_to_string(columns, ', '), ''), rest)), columns, watched, computed))
  from keys
union all
select 'domains', pg_catalog.json_agg(pg_catalog.json_build_array(
           c.contypid::bigint, c.conname, pg_catalog.replace(pg_catalog.pg_get_constraintdef(c.oid), ' NOT VALID', ''),
           pg_catalog.format_type(c.contypid, null)))
  from pg_catalog.pg_constraint as c
 where c.contypid >= 16384
union all
select 'labels', pg_catalog.json_agg(pg_catalog.json_build_array(e.enumtypid::bigint, e.enumlabel))
  from pg_catalog.pg_enum as e
 where e.enumtypid >= 16384
union all
-- What a parameter of a type such as regconfig may name, by that type's oid. Source: catalog/pg_type.dat.
select 'names', pg_catalog.json_agg(pg_catalog.json_build_array(n.kind, n.name))
  from (
      select 3734, pg_catalog.concat(n.nspname, '.', c.cfgname)
        from pg_catalog.pg_ts_config as c join pg_catalog.pg_namespace as n on n.oid = c.cfgnamespace where c.oid >= 16384
      union all
      select 3769, pg_catalog.concat(n.nspname, '.', d.dictname)
        from pg_catalog.pg_ts_dict as d join pg_catalog.pg_namespace as n on n.oid = d.dictnamespace where d.oid >= 16384
      union all
      select 2206, pg_catalog.concat(n.nspname, '.', t.typname)
        from pg_catalog.pg_type as t join pg_catalog.pg_namespace as n on n.oid = t.typnamespace
       where t.oid >= 16384 and t.typcategory <> 'A' and n.nspname !~ '^pg_(toast|temp)'
      union all
      select 4089, n.nspname from pg_catalog.pg_namespace as n where n.oid >= 16384 and n.nspname !~ '^pg_(toast|temp)'
      union all
      select k.oid, pg_catalog.concat(n.nspname, '.', p.proname)
        from pg_catalog.pg_proc as p join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
       cross join (values (24), (2202)) as k (oid)
       where p.oid >= 16384
  ) as n (kind, name)
union all
-- Source: catalog/pg_trigger.h: bits of INSERT 4, DELETE 8, UPDATE 16.
select 'triggers', pg_catalog.json_agg(pg_catalog.json_build_array(
           t.tgrelid::bigint, t.oid::bigint, t.tgname, t.tgtype::integer, p.prosrc,
           array(
               select a.attname
                 from pg_catalog.unnest(t.tgattr::smallint[]) as k (number)
                 join pg_catalog.pg_attribute as a on a.attrelid = t.tgrelid and a.attnum = k.number
           )))
  from pg_catalog.pg_trigger as t
  join pg_catalog.pg_proc as p on p.oid = t.tgfoid
 where not t.tgisinternal and t.tgenabled in ('O', 'A') and t.tgparentid = 0
union all
select 'partitions', pg_catalog.json_agg(pg_catalog.json_build_array(
           i.inhparent::bigint, pg_catalog.pg_get_expr(c.relpartbound, c.oid)))
  from pg_catalog.pg_inherits as i
  join pg_catalog.pg_class as c on c.oid = i.inhrelid and c.relispartition
union all
-- Partition keys of which no part can be NULL.
select 'divided', pg_catalog.json_agg(pg_catalog.json_build_array(
           p.partrelid::bigint,
           not exists (
               select from pg_catalog.unnest(p.partattrs::smallint[]) as k (number)
                 left join pg_catalog.pg_attribute as a on a.attrelid = p.partrelid and a.attnum = k.number
                where a.attnotnull is not true
           )))
  from pg_catalog.pg_partitioned_table as p
union all
-- Views that refuse rows which they would not show.
select 'checked', pg_catalog.json_agg(pg_catalog.json_build_array(c.oid::bigint, pg_catalog.pg_get_viewdef(c.oid)))
  from pg_catalog.pg_class as c
 where c.oid >= 16384 and c.relkind = 'v' and pg_catalog.array_to_string(c.reloptions, ' ') ~ 'check_option='
union all
-- Views to the tables that they read, so that a write through one counts for them.
select 'views', pg_catalog.json_agg(distinct pg_catalog.jsonb_build_array(r.ev_class::bigint, d.refobjid::bigint))
  from pg_catalog.pg_rewrite as r
  join pg_catalog.pg_depend as d
    on d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass and d.objid = r.oid
   and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.refobjid <> r.ev_class
 where r.oid >= 16384 and r.rulename = '_RETURN'
