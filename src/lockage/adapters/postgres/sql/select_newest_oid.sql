-- The newest oid of what members of an extension can be. For a shadow, on which oids only grow.
-- Privilege: none. Cost: 2 ms.
select greatest(
           (select max(oid) from pg_catalog.pg_class), (select max(oid) from pg_catalog.pg_type),
           (select max(oid) from pg_catalog.pg_proc), (select max(oid) from pg_catalog.pg_operator),
           (select max(oid) from pg_catalog.pg_opclass), (select max(oid) from pg_catalog.pg_cast),
           (select max(oid) from pg_catalog.pg_namespace), 16383::oid
       )::bigint
