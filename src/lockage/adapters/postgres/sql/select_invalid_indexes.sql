-- Indexes that queries do not use, and whether somebody builds each now. Needs no privilege: where the progress of another
-- role's build may not be seen, its lock on the table tells. Cheap: one pass over pg_index.
-- Without what makes each (select_invalid_definitions): of an expression that waits for whoever has locked the table.
select ni.nspname || '.' || ci.relname as index,
       nt.nspname || '.' || ct.relname as relation,
       exists (
           select
             from pg_stat_progress_create_index as p
            where p.datid = (select oid from pg_database where datname = current_database())
              and (p.index_relid = i.indexrelid
                   or (p.relid is null
                       and exists (select from pg_locks as l where l.pid = p.pid and l.relation = i.indrelid and l.granted)))
       ) as building,
       i.indisunique as unique
  from pg_index as i
  join pg_class as ci on ci.oid = i.indexrelid
  join pg_namespace as ni on ni.oid = ci.relnamespace
  join pg_class as ct on ct.oid = i.indrelid
  join pg_namespace as nt on nt.oid = ct.relnamespace
 where not i.indisvalid
   and i.indrelid >= 16384
   and nt.nspname !~ '^pg_'
   -- The index of a partitioned table is invalid by intent until each partition has its own: it holds nothing itself.
   and ci.relkind = 'i'
 order by 1
