-- How many rows of its catalogs this session has written, as far as not yet reported: the same number twice in one transaction
-- means that nothing of the kind was made, changed or dropped in between; 0 that nothing was since the transaction began.
-- One number for each catalog in the order below, then: columns that were changed and not only made, schemas that were renamed,
-- and all that was taken out.
-- Run in the traced session itself. Privilege: none. Cost: 0.05 ms, no catalog is read.
select coalesce(pg_catalog.sum(c.writes) filter (where c.catalog = 1259), 0), -- pg_class
       coalesce(pg_catalog.sum(c.writes) filter (where c.catalog = 2611), 0), -- pg_inherits
       coalesce(pg_catalog.sum(c.writes) filter (where c.catalog = 2606), 0), -- pg_constraint
       coalesce(pg_catalog.sum(c.writes) filter (where c.catalog = 2610), 0), -- pg_index
       coalesce(pg_catalog.sum(c.writes) filter (where c.catalog = 2604), 0), -- pg_attrdef
       coalesce(pg_catalog.sum(c.writes) filter (where c.catalog = 1249), 0), -- pg_attribute
       coalesce(pg_catalog.sum(c.writes) filter (where c.catalog = 2608), 0), -- pg_depend
       coalesce(pg_catalog.sum(c.writes) filter (where c.catalog = 2618), 0), -- pg_rewrite
       coalesce(pg_catalog.sum(c.writes) filter (where c.catalog = 2620), 0), -- pg_trigger
       coalesce(pg_catalog.sum(c.writes) filter (where c.catalog = 3256), 0), -- pg_policy
       coalesce(pg_catalog.sum(c.writes) filter (where c.catalog = 1255), 0), -- pg_proc
       pg_catalog.pg_stat_get_xact_tuples_updated(1249),
       pg_catalog.pg_stat_get_xact_tuples_updated(2615), -- pg_namespace
       coalesce(pg_catalog.sum(pg_catalog.pg_stat_get_xact_tuples_deleted(c.catalog)) filter (where c.catalog not in (1249, 2608)), 0)
  from (
      select catalog,
             pg_catalog.pg_stat_get_xact_tuples_inserted(catalog) + pg_catalog.pg_stat_get_xact_tuples_updated(catalog)
             + pg_catalog.pg_stat_get_xact_tuples_deleted(catalog) as writes
        from pg_catalog.unnest(
            array[1259, 2611, 2606, 2610, 2604, 1249, 2608, 2618, 2620, 3256, 1255]::pg_catalog.oid[]
        ) as watched (catalog)
       where pg_catalog.pg_current_xact_id_if_assigned() is not null
  ) as c
