-- Foreign keys, unique keys, defaults and the sequences that they use: one row each, (kind, JSON list). Of the tables in
-- {wanted}, an array of oids; null: of all.
-- Run in the traced session itself, for what its open transaction made is invisible to others; so without parameters, and with
-- every name qualified. Where an oid is cast, no index is wanted for it: the planner knows nothing of how many rows there are.
-- Privilege: none. Cost: about 3 ms for 100 tables, 1 ms for a few, however many there are; no lock is kept.
with keys as (
    select c.conname, c.conrelid, c.confrelid, c.confdeltype, c.confupdtype, c.condeferred,
           array(
               select a.attname
                 from pg_catalog.unnest(c.conkey) with ordinality as k (number, place)
                 join pg_catalog.pg_attribute as a on a.attrelid = c.conrelid and a.attnum = k.number
                order by k.place
           ) as child_columns,
           array(
               select a.attname
                 from pg_catalog.unnest(c.confkey) with ordinality as k (number, place)
                 join pg_catalog.pg_attribute as a on a.attrelid = c.confrelid and a.attnum = k.number
                order by k.place
           ) as parent_columns,
           exists (
               select
                 from pg_catalog.pg_attribute as a
                where a.attrelid = c.conrelid and a.attnum = any (c.conkey) and not a.attnotnull
           ) as optional
      from pg_catalog.pg_constraint as c
     where c.contype = 'f' and c.oid::bigint >= 16384 and ({wanted} is null or c.conrelid = any ({wanted}))
)
select 'foreign_keys',
       pg_catalog.json_agg(pg_catalog.json_build_array(
           conname, conrelid::bigint, confrelid::bigint, child_columns, parent_columns, confdeltype, confupdtype, optional,
           condeferred
       ))
  from keys
union all
select 'sequences', pg_catalog.json_agg(distinct pg_catalog.jsonb_build_array(used.sequence::bigint, used.relation::bigint))
  from (
      select d.refobjid as sequence, f.adrelid as relation
        from pg_catalog.pg_attrdef as f
       cross join lateral (
           select d.refobjid
             from pg_catalog.pg_depend as d
            where d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass and d.objid = f.oid
              and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
           offset 0
       ) as d
       where {wanted} is null or f.adrelid = any ({wanted})
      union all
      -- An identity column's sequence belongs to it, and no default is written down.
      select d.objid, d.refobjid
        from pg_catalog.pg_depend as d
       where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
         and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.deptype = 'i'
         and ({wanted} is null or d.refobjid = any ({wanted}))
  ) as used
 -- OFFSET 0: one by one, by the index, since the planner knows nothing of how many there are.
 cross join lateral (
     select from pg_catalog.pg_class as s where s.oid = used.sequence and s.relkind = 'S' and s.oid >= 16384 offset 0
 ) as s
union all
-- Whoever takes a value of a row type apart opens the type, as a relation; in an array, too.
select 'composites',
       pg_catalog.json_agg(distinct pg_catalog.jsonb_build_array(
           t.typrelid::bigint, pg_catalog.concat(n.nspname, '.', t.typname), a.attrelid::bigint
       ))
  from pg_catalog.pg_attribute as a
  join pg_catalog.pg_class as c on c.oid = a.attrelid and c.relkind in ('r', 'p', 'm', 'v')
  join pg_catalog.pg_type as own on own.oid = a.atttypid
  join pg_catalog.pg_type as t on t.typtype = 'c' and t.oid in (own.oid, own.typelem, own.typbasetype)
  join pg_catalog.pg_class as r on r.oid = t.typrelid and r.relkind = 'c'
  join pg_catalog.pg_namespace as n on n.oid = t.typnamespace
 where a.attrelid >= 16384 and a.attnum > 0 and not a.attisdropped and ({wanted} is null or a.attrelid = any ({wanted}))
union all
select 'unique_keys',
       pg_catalog.json_agg(pg_catalog.json_build_array(
           i.indrelid::bigint,
           array(
               select a.attname
                 from pg_catalog.unnest(i.indkey::smallint[]) with ordinality as k (number, place)
                 join pg_catalog.pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.number
                where k.place <= i.indnkeyatts
                order by k.place
           )
       ))
  from pg_catalog.pg_index as i
 where i.indrelid >= 16384 and i.indisunique and i.indisvalid and i.indpred is null and i.indexprs is null
   and ({wanted} is null or i.indrelid = any ({wanted}))
union all
-- NULL for an expression, of which nobody tells here what it is made of.
select 'partition_keys', pg_catalog.json_agg(pg_catalog.json_build_array(p.partrelid::bigint, a.attname))
  from pg_catalog.pg_partitioned_table as p
 cross join pg_catalog.unnest(p.partattrs::smallint[]) as k (number)
  left join pg_catalog.pg_attribute as a on a.attrelid = p.partrelid and a.attnum = k.number and k.number > 0
 where p.partrelid >= 16384 and ({wanted} is null or p.partrelid = any ({wanted}))
union all
select 'defaults', pg_catalog.json_agg(pg_catalog.json_build_array(a.attrelid::bigint, a.attname) order by a.attrelid, a.attnum)
  from pg_catalog.pg_attribute as a
 where a.attrelid >= 16384 and a.attnum > 0 and not a.attisdropped and (a.atthasdef or a.attidentity <> '')
   and ({wanted} is null or a.attrelid = any ({wanted}))
union all
-- What every INSERT has to give, unless a trigger does. Not of a domain or a type with a default, which changes without the table.
select 'required', pg_catalog.json_agg(pg_catalog.json_build_array(a.attrelid::bigint, a.attname) order by a.attrelid, a.attnum)
  from pg_catalog.pg_attribute as a
 where a.attrelid >= 16384 and a.attnum > 0 and not a.attisdropped and ({wanted} is null or a.attrelid = any ({wanted}))
   and a.attnotnull and not a.atthasdef and a.attidentity = ''
   and exists (select from pg_catalog.pg_class as c where c.oid = a.attrelid and c.relkind in ('r', 'p'))
   and exists (select from pg_catalog.pg_type as t where t.oid = a.atttypid and t.typtype <> 'd' and t.typdefault is null)
union all
-- NOT VALID, from 18 on, says nothing of the rows that are there.
select 'not_null', pg_catalog.json_agg(pg_catalog.json_build_array(a.attrelid::bigint, a.attname) order by a.attrelid, a.attnum)
  from pg_catalog.pg_attribute as a
 where a.attrelid >= 16384 and a.attnum > 0 and a.attnotnull and ({wanted} is null or a.attrelid = any ({wanted}))
   and exists (select from pg_catalog.pg_class as c where c.oid = a.attrelid and c.relkind in ('r', 'p'))
   and not exists (
       select
         from pg_catalog.pg_constraint as c
        where c.conrelid = a.attrelid and c.contype = 'n' and c.conkey = array[a.attnum] and not c.convalidated
   )
union all
-- In the order of the table, for an INSERT that names none; of tables and views.
select 'columns', pg_catalog.json_agg(pg_catalog.json_build_array(a.attrelid::bigint, a.attname) order by a.attrelid, a.attnum)
  from pg_catalog.pg_attribute as a
 where a.attrelid >= 16384 and a.attnum > 0 and not a.attisdropped and ({wanted} is null or a.attrelid = any ({wanted}))
   and exists (select from pg_catalog.pg_class as c where c.oid = a.attrelid and c.relkind in ('r', 'p', 'v'))
