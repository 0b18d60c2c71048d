-- Indexes that no query uses and nobody builds now, each with what makes it. Needs no privilege: where the progress of another
-- role's build may not be seen, its lock on the table tells. Cheap: one pass over pg_index.
select ni.nspname || '.' || ci.relname as index,
       nt.nspname || '.' || ct.relname as relation,
       i.indisunique as unique,
       pg_get_indexdef(i.indexrelid) as definition
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
   and not exists (
       select
         from pg_stat_progress_create_index as p
        where p.datid = (select oid from pg_database where datname = current_database())
          and (p.index_relid = i.indexrelid
               or (p.relid is null
                   and exists (select from pg_locks as l where l.pid = p.pid and l.relation = i.indrelid and l.granted)))
   )
 order by 1
