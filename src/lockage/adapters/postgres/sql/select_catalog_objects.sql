-- Everything in the catalog that migrations make and releases rely on, one row an object: its kind, its quoted name, the relation
-- that it belongs to, its traits as JSON, and the SQL that makes it. What belongs to an extension is left out.
-- To be run with search_path = pg_catalog, so that every name comes out qualified.
-- Privilege: none. Cost: about 10 ms for 100 tables. Printing a view takes an AccessShareLock on what it reads, hence lock_timeout.
with extension_member as (
    select classid, objid from pg_depend where deptype = 'e'
), space as (
    select oid, nspname, quote_ident(nspname) as quoted
      from pg_namespace as n
     where nspname !~ '^pg_' and nspname <> 'information_schema'
       and not exists (select from extension_member as e where e.classid = 'pg_namespace'::regclass and e.objid = n.oid)
), relation as (
    select c.oid, c.relkind, c.relpersistence, c.relispartition, c.reloptions, s.quoted || '.' || quote_ident(c.relname) as name
      from pg_class as c
      join space as s on s.oid = c.relnamespace
     where not exists (select from extension_member as e where e.classid = 'pg_class'::regclass and e.objid = c.oid)
)
select 'schema' as kind, s.quoted as name, null as relation, json_build_object() as traits,
       'CREATE SCHEMA ' || s.quoted as definition
  from space as s
union all
select 'table', r.name, r.name,
       json_build_object(
           'kind', case r.relkind when 'p' then 'partitioned' when 'f' then 'foreign' else 'table' end,
           'persistence', case r.relpersistence when 'u' then 'unlogged' else 'logged' end,
           'partitioned by', case when r.relkind = 'p' then pg_get_partkeydef(r.oid) end),
       ''
  from relation as r
 where r.relkind in ('r', 'p', 'f') and r.relpersistence <> 't'
union all
select 'column', quote_ident(a.attname), r.name,
       json_build_object(
           'type', format_type(a.atttypid, a.atttypmod)
               || case when a.attcollation <> t.typcollation and a.attcollation <> 0
                       then ' COLLATE ' || a.attcollation::regcollation::text else '' end,
           'nullability', case when a.attnotnull then 'not null' else 'nullable' end,
           'default', case when a.attgenerated = '' then pg_get_expr(d.adbin, d.adrelid) end,
           'generated', case when a.attgenerated <> '' then pg_get_expr(d.adbin, d.adrelid) end,
           'identity', case a.attidentity when 'a' then 'always' when 'd' then 'by default' end),
       ''
  from relation as r
  join pg_attribute as a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
  join pg_type as t on t.oid = a.atttypid
  left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
 where r.relkind in ('r', 'p', 'f') and r.relpersistence <> 't'
union all
select 'index', i.name, r.name,
       json_build_object(
           'definition', pg_get_indexdef(x.indexrelid),
           'validity', case when x.indisvalid and x.indisready then 'valid' else 'invalid' end,
           'unique', case when x.indisunique then 'unique' end),
       pg_get_indexdef(x.indexrelid)
  from pg_index as x
  join relation as i on i.oid = x.indexrelid
  join relation as r on r.oid = x.indrelid
 where r.relpersistence <> 't'
   and not exists (select from pg_constraint as k where k.conindid = x.indexrelid and k.contype in ('p', 'u', 'x'))
   and not (i.relispartition and x.indisvalid)
union all
-- NOT NULL constraints (n) are a column's nullability: their names differ between majors and after a restore.
select 'constraint', quote_ident(k.conname), r.name,
       json_build_object(
           'definition', regexp_replace(pg_get_constraintdef(k.oid), ' NOT VALID$', ''),
           'validity', case when k.convalidated then 'validated' else 'not validated' end),
       'ALTER TABLE ' || r.name || ' ADD CONSTRAINT ' || quote_ident(k.conname) || ' ' || pg_get_constraintdef(k.oid)
  from pg_constraint as k
  join relation as r on r.oid = k.conrelid
 where k.contype in ('p', 'u', 'f', 'c', 'x') and k.coninhcount = 0 and k.conparentid = 0 and r.relpersistence <> 't'
union all
select 'trigger', quote_ident(t.tgname), r.name,
       json_build_object(
           'definition', pg_get_triggerdef(t.oid),
           'state', case t.tgenabled when 'D' then 'disabled' when 'A' then 'always' when 'R' then 'replica' else 'enabled' end),
       pg_get_triggerdef(t.oid)
  from pg_trigger as t
  join relation as r on r.oid = t.tgrelid
 where not t.tgisinternal
union all
select 'function', s.quoted || '.' || quote_ident(p.proname) || '(' || pg_get_function_identity_arguments(p.oid) || ')', null,
       json_build_object(
           'body', regexp_replace(btrim(coalesce(p.prosrc, ''), E' \t\r\n'), E'[ \t\r]+(?=\n|$)', '', 'g'),
           'header', split_part(pg_get_functiondef(p.oid), E'\nAS ', 1),
           'kind', case p.prokind when 'p' then 'procedure' else 'function' end),
       pg_get_functiondef(p.oid)
  from pg_proc as p
  join space as s on s.oid = p.pronamespace
 where p.prokind in ('f', 'p')
   and not exists (select from extension_member as e where e.classid = 'pg_proc'::regclass and e.objid = p.oid)
union all
select 'enum', s.quoted || '.' || quote_ident(t.typname), null,
       json_build_object('values', (select json_agg(v.enumlabel order by v.enumsortorder) from pg_enum as v where v.enumtypid = t.oid)),
       'CREATE TYPE ' || s.quoted || '.' || quote_ident(t.typname) || ' AS ENUM ('
           || (select string_agg(quote_literal(v.enumlabel), ', ' order by v.enumsortorder) from pg_enum as v where v.enumtypid = t.oid)
           || ')'
  from pg_type as t
  join space as s on s.oid = t.typnamespace
 where t.typtype = 'e'
   and not exists (select from extension_member as e where e.classid = 'pg_type'::regclass and e.objid = t.oid)
union all
select 'sequence', r.name, null,
       json_build_object(
           'type', format_type(q.seqtypid, null), 'start', q.seqstart::text, 'increment', q.seqincrement::text,
           'minimum', q.seqmin::text, 'maximum', q.seqmax::text, 'cycle', case when q.seqcycle then 'cycle' else 'no cycle' end),
       'CREATE SEQUENCE ' || r.name || ' AS ' || format_type(q.seqtypid, null) || ' START ' || q.seqstart || ' INCREMENT '
           || q.seqincrement || ' MINVALUE ' || q.seqmin || ' MAXVALUE ' || q.seqmax || case when q.seqcycle then ' CYCLE' else '' end
  from relation as r
  join pg_sequence as q on q.seqrelid = r.oid
-- An identity column's sequence is the column's own.
 where not exists (select from pg_depend as d where d.classid = 'pg_class'::regclass and d.objid = r.oid and d.deptype = 'i')
union all
select 'view', r.name, null,
       json_build_object(
           'query', rtrim(pg_get_viewdef(r.oid), ';'),
           'kind', case r.relkind when 'm' then 'materialized' else 'view' end,
           'values', (select json_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod) order by a.attnum)
                        from pg_attribute as a where a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped)),
       case r.relkind when 'm' then 'CREATE MATERIALIZED VIEW ' else 'CREATE OR REPLACE VIEW ' end || r.name || ' AS '
           || rtrim(pg_get_viewdef(r.oid), ';')
  from relation as r
 where r.relkind in ('v', 'm')
 order by 1, 3 nulls first, 2
