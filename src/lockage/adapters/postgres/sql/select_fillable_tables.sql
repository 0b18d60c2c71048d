-- Tables into which a row can be made up, with their columns in order and the definitions of their checks.
-- One row each: oid, schema, name, size in bytes, whether it is a partition, columns (JSON), checks (JSON),
-- and the oids of the tables that it refers to.
-- Every name is qualified, for the session may have any search_path. Privilege: none. Cost: some 10 ms for 100 tables.
select c.oid::bigint,
       n.nspname,
       c.relname,
       case when c.relkind = 'r' then pg_catalog.pg_relation_size(c.oid) else 0 end as size_bytes,
       c.relispartition,
       (
           select pg_catalog.json_agg(pg_catalog.json_build_array(
                      a.attname, a.atttypid::bigint, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull,
                      a.atthasdef or a.attidentity <> '') order by a.attnum)
             from pg_catalog.pg_attribute as a
            where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
       ) as columns,
       (
           select pg_catalog.json_agg(pg_catalog.pg_get_constraintdef(k.oid))
             from pg_catalog.pg_constraint as k
            where k.conrelid = c.oid and k.contype = 'c'
       ) as checks,
       array(
           select distinct k.confrelid::bigint
             from pg_catalog.pg_constraint as k
            where k.conrelid = c.oid and k.contype = 'f' and k.confrelid <> c.oid
       ) as parents
  from pg_catalog.pg_class as c
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
 where c.oid >= 16384 and c.relkind in ('r', 'p') and n.nspname !~ '^pg_(toast|temp)'
 order by c.oid
