-- The relations that were made or changed by subtransactions younger than {since}, as a list with commas; the youngest that there
-- is now, for the next time; as another list, those of {shut}, an array of oids, that are not there any more; and how many rows of
-- pg_class and pg_inherits those of the first list are. Null for {since} gives no relations. Only {among}, an array of oids, is looked
-- at; null: all.
-- Run in the traced session itself; so without parameters, and with every name qualified. Privilege: none. Cost: about 0.5 ms for
-- 5000 relations, nothing but a scan: the oids are compared as numbers so that no index is taken for it; no lock on any of them.
with known as materialized (select pg_catalog.age({since}) as age)
select pg_catalog.string_agg(written.oid::text, ',') filter (where (select age from known) is not null),
       (
           pg_catalog.pg_current_xact_id_if_assigned()::text::bigint % 4294967296
           - coalesce(pg_catalog.min(written.age), (select age from known))
       )::text,
       (
           select pg_catalog.string_agg(l.oid::text, ',')
             from pg_catalog.unnest({shut}) as l (oid)
            where not exists (select from pg_catalog.pg_class as c where c.oid = l.oid)
       ),
       pg_catalog.count(*)
  from (
      select oid, pg_catalog.age(xmin) from pg_catalog.pg_class where {among} is null or oid = any ({among})
      union all
      select inhrelid, pg_catalog.age(xmin) from pg_catalog.pg_inherits where {among} is null or inhrelid = any ({among})
  ) as written (oid, age)
 where ((select age from known) is null or written.age < (select age from known))
   and written.oid::bigint >= 16384
