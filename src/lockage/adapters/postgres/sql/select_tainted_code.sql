-- Code of users: name, text, and names of the relations and routines that run it by themselves. For finding what reaches out of
-- the database. Every name is qualified. Privilege: none. Cost: some 10 ms for 100 tables.
select p.proname::text as name, p.prosrc as text
  from pg_catalog.pg_proc as p
 where p.oid >= 16384 and p.prokind in ('f', 'p')
   and not exists (
       select from pg_catalog.pg_depend as d
        where d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and d.objid = p.oid and d.deptype = 'e'
   )
union all
select c.relname, pg_catalog.pg_get_viewdef(c.oid)
  from pg_catalog.pg_class as c
 where c.oid >= 16384 and c.relkind in ('v', 'm')
union all
select c.relname, pg_catalog.pg_get_expr(f.adbin, f.adrelid)
  from pg_catalog.pg_attrdef as f
  join pg_catalog.pg_class as c on c.oid = f.adrelid
union all
select c.relname, p.proname
  from pg_catalog.pg_trigger as t
  join pg_catalog.pg_class as c on c.oid = t.tgrelid
  join pg_catalog.pg_proc as p on p.oid = t.tgfoid
 where not t.tgisinternal
union all
select c.relname, pg_catalog.pg_get_constraintdef(k.oid)
  from pg_catalog.pg_constraint as k
  join pg_catalog.pg_class as c on c.oid = k.conrelid
 where k.contype = 'c' and k.oid >= 16384
union all
-- What happens to a row that is referred to happens to those that refer to it.
select c.relname, r.relname
  from pg_catalog.pg_constraint as k
  join pg_catalog.pg_class as r on r.oid = k.conrelid
  join pg_catalog.pg_class as c on c.oid = k.confrelid
 where k.contype = 'f'
union all
select c.relname, pg_catalog.pg_get_ruledef(r.oid)
  from pg_catalog.pg_rewrite as r
  join pg_catalog.pg_class as c on c.oid = r.ev_class
 where r.oid >= 16384 and r.rulename <> '_RETURN'
union all
select c.relname, pg_catalog.concat_ws(' ', pg_catalog.pg_get_expr(y.polqual, y.polrelid), pg_catalog.pg_get_expr(y.polwithcheck, y.polrelid))
  from pg_catalog.pg_policy as y
  join pg_catalog.pg_class as c on c.oid = y.polrelid
union all
select c.relname, pg_catalog.concat_ws(' ', pg_catalog.pg_get_expr(i.indexprs, i.indrelid), pg_catalog.pg_get_expr(i.indpred, i.indrelid))
  from pg_catalog.pg_index as i
  join pg_catalog.pg_class as c on c.oid = i.indrelid
 where i.indexrelid >= 16384 and (i.indexprs is not null or i.indpred is not null)
union all
select c.relname, pg_catalog.pg_get_expr(k.partexprs, k.partrelid)
  from pg_catalog.pg_partitioned_table as k
  join pg_catalog.pg_class as c on c.oid = k.partrelid
 where k.partexprs is not null
union all
-- A domain runs its checks and its default, and so does whatever has a value of it.
select t.typname, pg_catalog.pg_get_constraintdef(k.oid)
  from pg_catalog.pg_constraint as k
  join pg_catalog.pg_type as t on t.oid = k.contypid
 where k.oid >= 16384
union all
select t.typname, pg_catalog.concat_ws(' ', t.typdefault, b.typname)
  from pg_catalog.pg_type as t
  join pg_catalog.pg_type as b on b.oid = t.typbasetype
 where t.oid >= 16384 and t.typtype = 'd'
union all
select c.relname, coalesce(e.typname, t.typname)
  from pg_catalog.pg_attribute as a
  join pg_catalog.pg_class as c on c.oid = a.attrelid
  join pg_catalog.pg_type as t on t.oid = a.atttypid
  left join pg_catalog.pg_type as e on e.oid = t.typelem
 where a.atttypid >= 16384 and a.attnum > 0 and not a.attisdropped
