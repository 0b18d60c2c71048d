-- The prepared transactions whose end a backend waits for. Privilege: none. Cost: 0.1 ms.
select p.gid
  from pg_catalog.pg_locks as l
  join pg_catalog.pg_prepared_xacts as p on p.transaction = l.transactionid
 where l.pid = %(pid)s and l.locktype = 'transactionid' and not l.granted
