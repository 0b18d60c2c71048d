-- Tells the planner the size of one relation: %(rows)s in %(blocks)s of %(schema)s.%(table)s.
-- For a shadow. Privilege: owner. Cost: under 1 ms; takes ShareUpdateExclusiveLock.
select pg_catalog.pg_restore_relation_stats(
           'schemaname', %(schema)s::text,
           'relname', %(table)s::text,
           'relpages', %(blocks)s::integer,
           'reltuples', %(rows)s::real
       )
