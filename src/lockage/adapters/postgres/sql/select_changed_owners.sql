-- The relations that were made or changed by subtransactions younger than {since}, or columns, defaults, constraints, indexes,
-- triggers, rules or policies of which were, as a list with commas; then, for the next time, the youngest subtransaction that there is
-- now, and an oid above which lies what is made from now on. Null for {since} gives no relations.
-- Where its flag is true, a catalog is looked through; where the other flag is, only its entries above {newest}: those that were made
-- meanwhile, for on a shadow oids only grow. A column that was only made shows in pg_class.
-- Run in the traced session itself; so without parameters, and with every name qualified. Privilege: none. Cost: 0.06 microseconds for
-- each row of a catalog that is looked through, nothing but a scan: the oids are compared as numbers so that no index is taken for
-- it; what was only made comes by an index, which BETWEEN is needed for, as the planner knows nothing of how many there are; no lock.
with known as materialized (select pg_catalog.age({since}) as age)
select pg_catalog.string_agg(distinct written.oid::text, ',') filter (where (select age from known) is not null),
       (
           pg_catalog.pg_current_xact_id_if_assigned()::text::bigint % 4294967296
           - coalesce(pg_catalog.min(written.age), (select age from known))
       )::text,
       greatest(
           (select pg_catalog.max(oid) from pg_catalog.pg_constraint),
           (select pg_catalog.max(oid) from pg_catalog.pg_attrdef),
           (select pg_catalog.max(oid) from pg_catalog.pg_trigger),
           (select pg_catalog.max(oid) from pg_catalog.pg_rewrite)
       )::text
  from (
      select oid, pg_catalog.age(xmin) from pg_catalog.pg_class where {relations}
      union all
      select attrelid, pg_catalog.age(xmin) from pg_catalog.pg_attribute where {columns}
      union all
      select conrelid, pg_catalog.age(xmin) from pg_catalog.pg_constraint where {constraints}
      union all
      select conrelid, pg_catalog.age(xmin) from pg_catalog.pg_constraint where {made_constraints} and oid between {newest} and 4294967295
      union all
      select indrelid, pg_catalog.age(xmin) from pg_catalog.pg_index where {indexes}
      union all
      select indrelid, pg_catalog.age(xmin) from pg_catalog.pg_index where {made_indexes} and indexrelid between {newest} and 4294967295
      union all
      select adrelid, pg_catalog.age(xmin) from pg_catalog.pg_attrdef where {defaults}
      union all
      select adrelid, pg_catalog.age(xmin) from pg_catalog.pg_attrdef where {made_defaults} and oid between {newest} and 4294967295
      union all
      select tgrelid, pg_catalog.age(xmin) from pg_catalog.pg_trigger where {triggers}
      union all
      select tgrelid, pg_catalog.age(xmin) from pg_catalog.pg_trigger where {made_triggers} and oid between {newest} and 4294967295
      union all
      select ev_class, pg_catalog.age(xmin) from pg_catalog.pg_rewrite where {rewrites}
      union all
      select ev_class, pg_catalog.age(xmin) from pg_catalog.pg_rewrite where {made_rewrites} and oid between {newest} and 4294967295
      union all
      select polrelid, pg_catalog.age(xmin) from pg_catalog.pg_policy where {policies}
      union all
      select polrelid, pg_catalog.age(xmin) from pg_catalog.pg_policy where {made_policies} and oid between {newest} and 4294967295
  ) as written (oid, age)
 where written.oid::bigint >= 16384
   and ((select age from known) is null or written.age < (select age from known))
