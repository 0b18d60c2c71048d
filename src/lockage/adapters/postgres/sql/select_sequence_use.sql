-- Columns of type smallint and integer that a sequence fills: its last value, and the largest that both can have.
-- A sequence that may not be read, or was never used, is left out. Needs USAGE or SELECT on a sequence to see it.
-- Cost: one page a sequence, under a lock on it that only ALTER and DROP SEQUENCE wait for; who holds such a one makes this fail.
with used as (
    -- A default by nextval().
    select d.refobjid as sequence, f.adrelid as relation, f.adnum as number
      from pg_catalog.pg_depend as d
      join pg_catalog.pg_attrdef as f on f.oid = d.objid
     where d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass
       and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
    union
    -- An identity column's own.
    select d.objid, d.refobjid, d.refobjsubid
      from pg_catalog.pg_depend as d
     where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
       and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
       and d.deptype = 'i'
       and d.refobjsubid > 0
),
-- Of s.seqrelid, and not of used.sequence, for a privilege on what is no sequence cannot be asked.
narrow as materialized (
    select s.seqrelid as sequence, n.nspname || '.' || c.relname as relation, a.attname::text as "column",
           least(s.seqmax, case a.atttypid when 'pg_catalog.int2'::pg_catalog.regtype then 32767 else 2147483647 end) as "limit"
      from used
      join pg_catalog.pg_sequence as s on s.seqrelid = used.sequence and s.seqincrement > 0 and not s.seqcycle
      join pg_catalog.pg_attribute as a on a.attrelid = used.relation and a.attnum = used.number and not a.attisdropped
      join pg_catalog.pg_class as c on c.oid = used.relation and c.relkind in ('r', 'p') and c.oid >= 16384
      join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
     where a.atttypid in ('pg_catalog.int2'::pg_catalog.regtype, 'pg_catalog.int4'::pg_catalog.regtype)
       and pg_catalog.has_sequence_privilege(s.seqrelid, 'USAGE, SELECT')
)
select relation, "column", last_value, "limit"
  from (
      select relation, "column", pg_catalog.pg_sequence_last_value(sequence) as last_value, "limit"
        from narrow
  ) as read
 where last_value is not null
 order by relation, "column"
