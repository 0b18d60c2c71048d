-- Locks on user relations and granted advisory locks of one bigint key, by backend. A lock on an index or a TOAST table
-- counts for its table, one on a partition for its ancestors too. Names come from the catalog alone, so nothing waits for a
-- relation that somebody holds; what was dropped or is not committed yet has no name, and nobody else can wait for it.
-- Needs no privilege; cheap.
with lock as materialized (
    select distinct pid, locktype, relation, classid, objid, mode, granted
      from pg_locks
     where database = (select oid from pg_database where datname = current_database())
       and pid <> pg_backend_pid()
       and (locktype = 'relation' and relation >= 16384
            or locktype = 'advisory' and objsubid = 1 and granted)
),
held as (
    select lock.pid, lock.mode, lock.granted,
           coalesce(i.indrelid, c.oid) as oid
      from lock
      join pg_class as c on c.oid = lock.relation
      left join pg_index as i on i.indexrelid = c.oid
     where lock.locktype = 'relation'
),
counted as (
    -- PostgreSQL names a TOAST table after the oid of its table, and keeps that through every rewrite.
    select held.pid, held.mode, held.granted,
           case when c.relkind = 't' then substring(c.relname from '^pg_toast_([0-9]+)$')::oid else c.oid end as oid
      from held
      join pg_class as c on c.oid = held.oid
)
select counted.pid, n.nspname || '.' || c.relname as relation, counted.mode, counted.granted, null::bigint as advisory
  from counted
  join pg_class as c on c.oid = counted.oid
  join pg_namespace as n on n.oid = c.relnamespace
 where n.nspname not in ('pg_catalog', 'information_schema')
union
select counted.pid, n.nspname || '.' || c.relname, counted.mode, counted.granted, null
  from counted
  join pg_class as part on part.oid = counted.oid and part.relispartition
 cross join pg_partition_ancestors(counted.oid) as ancestor (oid)
  join pg_class as c on c.oid = ancestor.oid
  join pg_namespace as n on n.oid = c.relnamespace
union
select lock.pid, null, lock.mode, lock.granted, (lock.classid::bigint << 32) | lock.objid::bigint
  from lock
 where lock.locktype = 'advisory'
 order by 1, 2, 3
