-- The relations that were made or changed by subtransactions younger than {since}, or columns, defaults, constraints, indexes,
-- triggers, rules or policies of which were, as a list with commas; the youngest that there is now, for the next time; and, as
-- another list, those of {locked}, an array of oids, that are not there any more. Null for {since} gives no relations. A catalog is
-- looked through where its flag is true; a column that was only made shows in pg_class.
-- Run in the traced session itself; so without parameters, and with every name qualified. Privilege: none. Cost: 0.1 microseconds for each
-- row of the catalogs, nothing but a scan: the oids are compared as numbers so that no index is taken for it; no lock.
with known as materialized (select pg_catalog.age({since}) as age)
select pg_catalog.string_agg(distinct written.oid::text, ',') filter (where (select age from known) is not null),
       (
           pg_catalog.pg_current_xact_id_if_assigned()::text::bigint % 4294967296
           - coalesce(pg_catalog.min(written.age), (select age from known))
       )::text,
       (
           select pg_catalog.string_agg(l.oid::text, ',')
             from pg_catalog.unnest({locked}) as l (oid)
            where not exists (select from pg_catalog.pg_class as c where c.oid = l.oid)
       )
  from (
      select oid, pg_catalog.age(xmin) from pg_catalog.pg_class
      union all
      select attrelid, pg_catalog.age(xmin) from pg_catalog.pg_attribute where {attributes} and attnum > 0
      union all
      select conrelid, pg_catalog.age(xmin) from pg_catalog.pg_constraint where {constraints}
      union all
      select indrelid, pg_catalog.age(xmin) from pg_catalog.pg_index where {indexes}
      union all
      select adrelid, pg_catalog.age(xmin) from pg_catalog.pg_attrdef where {defaults}
      union all
      select tgrelid, pg_catalog.age(xmin) from pg_catalog.pg_trigger where {triggers}
      union all
      select ev_class, pg_catalog.age(xmin) from pg_catalog.pg_rewrite where {rewrites}
      union all
      select polrelid, pg_catalog.age(xmin) from pg_catalog.pg_policy where {policies}
  ) as written (oid, age)
 where written.oid::bigint >= 16384
   and ((select age from known) is null or written.age < (select age from known))
