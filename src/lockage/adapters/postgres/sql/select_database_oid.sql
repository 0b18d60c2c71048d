-- The oid of this database, which names its folder. Privilege: none. Cost: under 1 ms.
select oid::bigint from pg_catalog.pg_database where datname = pg_catalog.current_database()
