-- The sequences that fill integer columns of tables, by identity or by default; %(tables)s: schema.name of each.
-- For a shadow. Privilege: none. Cost: 10 microseconds a table; takes no lock. Each way by itself: with both in one condition
-- every dependency would be held against every column.
with filled as (
    -- The sequence of an identity belongs to the column,
    select d.refobjid as table_oid, d.refobjsubid as column_number, d.objid as sequence_oid
      from pg_catalog.pg_depend as d
     where d.classid = 'pg_catalog.pg_class'::regclass and d.refclassid = 'pg_catalog.pg_class'::regclass
       and d.deptype = 'i' and d.refobjsubid > 0
    union
    -- and of any other, the column's default needs the sequence.
    select f.adrelid, f.adnum, d.refobjid
      from pg_catalog.pg_attrdef as f
      join pg_catalog.pg_depend as d
        on d.classid = 'pg_catalog.pg_attrdef'::regclass and d.objid = f.oid and d.refclassid = 'pg_catalog.pg_class'::regclass
)
select sn.nspname, s.relname, n.nspname, c.relname, a.attname
  from filled
  join pg_catalog.pg_class as c on c.oid = filled.table_oid
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
  join pg_catalog.pg_attribute as a
    on a.attrelid = c.oid and a.attnum = filled.column_number and not a.attisdropped
   and a.atttypid in ('pg_catalog.int2'::regtype, 'pg_catalog.int4'::regtype, 'pg_catalog.int8'::regtype)
  join pg_catalog.pg_class as s on s.oid = filled.sequence_oid and s.relkind = 'S'
  join pg_catalog.pg_namespace as sn on sn.oid = s.relnamespace
  join pg_catalog.pg_sequence as q on q.seqrelid = s.oid and q.seqincrement > 0
 where n.nspname || '.' || c.relname = any (%(tables)s)
