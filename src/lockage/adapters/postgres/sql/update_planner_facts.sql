-- Makes the planner believe how large tables are. %(tables)s: a JSON list of their oids, blocks and rows; %(count)s: how many, so
-- that it is known before and the catalog is not gone through for a few.
-- For a shadow, in the traced session itself. Straight into the catalog: pg_restore_relation_stats would lock the tables, and the
-- lock would stand among the script's. Privilege: superuser. Cost: under 1 ms for one table; locks no table of a user's.
update pg_catalog.pg_class as c
   set relpages = told.blocks, reltuples = told.rows
  from (
      select *
        from pg_catalog.json_to_recordset(%(tables)s::pg_catalog.json) as listed (
                 oid pg_catalog.oid, blocks pg_catalog.int4, rows pg_catalog.float4
             )
       limit %(count)s
  ) as told
 where c.oid = told.oid and (c.relpages <> told.blocks or c.reltuples <> told.rows)
