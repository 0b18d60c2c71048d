-- The sequences that fill integer columns of tables, by identity or by default; %(tables)s: schema.name of each.
-- For a shadow. Privilege: none. Cost: under 1 ms; takes no lock.
select sn.nspname, s.relname, n.nspname, c.relname, a.attname
  from pg_catalog.pg_class as c
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
  join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  join pg_catalog.pg_depend as d
    on d.refclassid = 'pg_catalog.pg_class'::regclass and d.classid in ('pg_catalog.pg_class'::regclass, 'pg_catalog.pg_attrdef'::regclass)
   and (
       -- Of an identity the sequence belongs to the column; of any other the column's default needs the sequence.
       (d.classid = 'pg_catalog.pg_class'::regclass and d.refobjid = c.oid and d.refobjsubid = a.attnum and d.deptype = 'i')
       or (d.classid = 'pg_catalog.pg_attrdef'::regclass and exists (
           select from pg_catalog.pg_attrdef as f where f.oid = d.objid and f.adrelid = c.oid and f.adnum = a.attnum
       ))
   )
  join pg_catalog.pg_class as s
    on s.relkind = 'S' and s.oid = case when d.deptype = 'i' then d.objid else d.refobjid end
  join pg_catalog.pg_namespace as sn on sn.oid = s.relnamespace
  join pg_catalog.pg_sequence as q on q.seqrelid = s.oid and q.seqincrement > 0
 where n.nspname || '.' || c.relname = any (%(tables)s)
   and a.atttypid in (
       'pg_catalog.int2'::regtype, 'pg_catalog.int4'::regtype, 'pg_catalog.int8'::regtype
   )
