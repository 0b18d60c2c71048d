-- How often the session that asks went through each of some tables in its open transaction; {tables}: an array of their oids. One
-- text, each table with its number, since there may be hundreds that differ in nothing from the time before.
-- Run in the traced session itself, so with every name qualified. Privilege: none. Cost: 0.3 us a table; no lock.
select pg_catalog.string_agg(pg_catalog.concat(counted.oid, ' ', counted.scans), ',')
  from (
      select t.oid, pg_catalog.pg_stat_get_xact_numscans(t.oid) as scans
        from pg_catalog.unnest({tables}::pg_catalog.oid[]) as t (oid)
  ) as counted
 where counted.scans > 0
