-- The relations of which columns, defaults, constraints, indexes, triggers or rules were made or changed by subtransactions younger
-- than {since}, as a list with commas; the youngest that there is now, for the next time; and, as another list, those of
-- {locked}, an array of oids, that are not there any more. Null for {since} gives no relations.
-- Run in the traced session itself; so without parameters, and with every name qualified. Privilege: none. Cost: about 3 ms for
-- 1000 relations, nothing but a scan; takes no lock on any of them.
select pg_catalog.string_agg(distinct oid::text, ',') filter (where pg_catalog.age(xmin) < pg_catalog.age({since})),
       (pg_catalog.array_agg(xmin::text order by pg_catalog.age(xmin)))[1],
       (
           select pg_catalog.string_agg(l.oid::text, ',')
             from pg_catalog.unnest({locked}) as l (oid)
            where not exists (select from pg_catalog.pg_class as c where c.oid = l.oid)
       )
  from (
      select attrelid, xmin from pg_catalog.pg_attribute where attnum > 0
      union all
      select conrelid, xmin from pg_catalog.pg_constraint
      union all
      select indrelid, xmin from pg_catalog.pg_index
      union all
      select adrelid, xmin from pg_catalog.pg_attrdef
      union all
      select tgrelid, xmin from pg_catalog.pg_trigger
      union all
      select ev_class, xmin from pg_catalog.pg_rewrite
  ) as written (oid, xmin)
 where oid >= 16384
