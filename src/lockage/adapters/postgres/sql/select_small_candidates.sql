-- Tables whose rows may be copied: ordinary ones and partitions, readable to the last row, with the columns that can be given and
-- the tables that their foreign keys refer to (of a partitioned one: its partitions).
-- Privilege: none. Cost: 3 ms for 100 tables; takes AccessShareLock on partitioned tables that are referred to.
select c.oid::bigint, n.nspname, c.relname,
       array(
           select a.attname::text
             from pg_catalog.pg_attribute as a
            where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
            order by a.attnum
       ) as columns,
       array(
           select distinct coalesce(leaf.relid::oid, k.confrelid)::bigint
             from pg_catalog.pg_constraint as k
             left join lateral (
                 select tree.relid from pg_catalog.pg_partition_tree(k.confrelid) as tree where tree.isleaf
             ) as leaf on true
            where k.conrelid = c.oid and k.contype = 'f'
       ) as parents
  from pg_catalog.pg_class as c
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
 where c.relkind = 'r'
   and c.relpersistence <> 't'
   and n.nspname <> 'information_schema'
   and n.nspname !~ '^pg_'
   and pg_catalog.has_schema_privilege(n.oid, 'USAGE')
   and pg_catalog.has_table_privilege(c.oid, 'SELECT')
   and not pg_catalog.row_security_active(c.oid)
   and exists (
       select from pg_catalog.pg_attribute as a
        where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
   )
   and not exists (
       select from pg_catalog.pg_depend as d
        where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
   )
 order by 1
