-- Who holds an advisory lock of this database, by the halves of its one bigint key. Needs no privilege; cheap.
select pid
  from pg_locks
 where locktype = 'advisory'
   and database = (select oid from pg_database where datname = current_database())
   and classid = %(high)s::bigint::oid
   and objid = %(low)s::bigint::oid
   and objsubid = 1
   and granted
 limit 1
