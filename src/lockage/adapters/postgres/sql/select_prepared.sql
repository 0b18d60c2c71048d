-- Prepared transactions of this database, oldest first, each with the user relations that it locks: one row a lock, or one
-- with no relation. They have no backend, and since the minor releases of late 2021 keep the virtual transaction of the one that
-- prepared them: the lock on their own transaction number leads to the others. A lock on an index or a TOAST table counts for
-- its table, one on a partition for its ancestors too. Needs no privilege; cheap.
with unowned as materialized (
    select locktype, database, relation, transactionid, virtualtransaction, mode
      from pg_locks
     where pid is null
),
lock as (
    select distinct p.gid, l.relation as oid, l.mode
      from pg_prepared_xacts as p
      join unowned as own on own.locktype = 'transactionid' and own.transactionid = p.transaction
      join unowned as l on l.virtualtransaction = own.virtualtransaction
     where p.database = current_database()
       and l.locktype = 'relation'
       and l.relation >= 16384
       and l.database = (select oid from pg_database where datname = current_database())
),
held as (
    select lock.gid, lock.mode, coalesce(i.indrelid, c.oid) as oid
      from lock
      join pg_class as c on c.oid = lock.oid
      left join pg_index as i on i.indexrelid = c.oid
),
counted as (
    select held.gid, held.mode,
           case when c.relkind = 't' then substring(c.relname from '^pg_toast_([0-9]+)$')::oid else c.oid end as oid
      from held
      join pg_class as c on c.oid = held.oid
),
named as (
    select counted.gid, counted.mode, n.nspname || '.' || c.relname as relation
      from counted
      join pg_class as c on c.oid = counted.oid
      join pg_namespace as n on n.oid = c.relnamespace
    union
    select counted.gid, counted.mode, n.nspname || '.' || c.relname
      from counted
      join pg_class as part on part.oid = counted.oid and part.relispartition
     cross join pg_partition_ancestors(counted.oid) as ancestor (oid)
      join pg_class as c on c.oid = ancestor.oid
      join pg_namespace as n on n.oid = c.relnamespace
)
select p.gid, p.owner, p.database,
       extract(epoch from clock_timestamp() - p.prepared)::float8 as age_s,
       named.relation, named.mode
  from pg_prepared_xacts as p
  left join named on named.gid = p.gid
 where p.database = current_database()
 order by p.prepared, p.gid, named.relation, named.mode
