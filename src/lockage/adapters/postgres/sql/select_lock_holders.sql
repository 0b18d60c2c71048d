-- Who holds which lock on one table, strongest first as far as the alphabet goes. Reads the catalog and pg_locks alone.
-- Needs no privilege; cheap.
select pid, mode
  from pg_locks
  join pg_class on pg_class.oid = relation
  join pg_namespace on pg_namespace.oid = relnamespace
 where locktype = 'relation'
   and pg_locks.database = (select oid from pg_database where datname = current_database())
   and nspname = %(schema)s
   and relname = %(table)s
   and granted
   and pid is distinct from pg_backend_pid()
 order by mode, pid
