-- The relation locks of one backend on what is not the system's own, granted or awaited.
-- Privilege: none for pid, relation and mode. Cost: 0.1 ms; takes no relation lock.
select l.relation, l.mode, l.granted
from pg_catalog.pg_locks as l
join pg_catalog.pg_database as d on d.oid = l.database and d.datname = pg_catalog.current_database()
where l.pid = %(pid)s and l.locktype = 'relation' and l.relation >= 16384
