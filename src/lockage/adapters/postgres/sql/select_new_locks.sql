-- How many locks one backend holds on relations that are not the system's own, and which of them are not among %(known)s: an array of
-- numbers, each the oid of a relation times 32, and the length of the mode's name, by which the eight modes differ.
-- Privilege: none. Cost: 0.5 microseconds for each lock of the server; takes no relation lock.
select pg_catalog.count(*), pg_catalog.array_agg(held.key) filter (where (held.key = any (%(known)s::bigint[])) is not true)
  from (
      select l.relation::bigint * 32 + pg_catalog.octet_length(l.mode) as key
        from pg_catalog.pg_lock_status() as l
       where l.pid = %(pid)s and l.relation >= 16384 and l.granted and l.locktype = 'relation'
  ) as held
