-- How many rows of its catalogs this session has written, as far as not yet reported: the same number twice in one transaction
-- means that nothing of the kind was made, changed or dropped in between; 0 that nothing was since the transaction began.
-- Six numbers: of the relations, of their keys and defaults, of triggers, views and names of columns, of routines, of schemas that
-- were renamed, and of all that was taken out.
-- Run in the traced session itself. Privilege: none. Cost: 0.05 ms, no catalog is read.
select coalesce(pg_catalog.sum(c.writes) filter (where c.part = 1), 0),
       coalesce(pg_catalog.sum(c.writes) filter (where c.part = 2), 0),
       -- A column that is only added changes none of them; one that is renamed does.
       coalesce(pg_catalog.sum(c.writes) filter (where c.part = 3), 0) + pg_catalog.pg_stat_get_xact_tuples_updated(1249),
       coalesce(pg_catalog.sum(c.writes) filter (where c.part = 4), 0),
       pg_catalog.pg_stat_get_xact_tuples_updated(2615), -- pg_namespace
       coalesce(pg_catalog.sum(pg_catalog.pg_stat_get_xact_tuples_deleted(c.catalog)) filter (where c.catalog not in (1249, 2608)), 0)
  from (
      select part, catalog,
             pg_catalog.pg_stat_get_xact_tuples_inserted(catalog) + pg_catalog.pg_stat_get_xact_tuples_updated(catalog)
             + pg_catalog.pg_stat_get_xact_tuples_deleted(catalog) as writes
        from (
            values (1, 1259::pg_catalog.oid), -- pg_class
                   (1, 2611), -- pg_inherits
                   (2, 2606), -- pg_constraint
                   (2, 2610), -- pg_index
                   (2, 2604), -- pg_attrdef
                   (2, 1249), -- pg_attribute
                   (2, 2608), -- pg_depend
                   (3, 2618), -- pg_rewrite
                   (3, 2620), -- pg_trigger
                   (4, 1255) -- pg_proc
        ) as watched (part, catalog)
       where pg_catalog.pg_current_xact_id_if_assigned() is not null
  ) as c
