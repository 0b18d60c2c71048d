-- What a backend waits for that is no relation: the prepared transaction (its key), or the backend (its pid) of another.
-- Privilege: none. Cost: 0.1 ms.
select p.gid, owner.pid
  from pg_catalog.pg_locks as l
  left join pg_catalog.pg_prepared_xacts as p on l.locktype = 'transactionid' and p.transaction = l.transactionid
  left join pg_catalog.pg_locks as owner
    on l.locktype = 'virtualxid' and owner.locktype = 'virtualxid' and owner.virtualxid = l.virtualxid and owner.granted
 where l.pid = %(pid)s and not l.granted and l.locktype in ('transactionid', 'virtualxid')
