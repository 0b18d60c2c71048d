-- Enters an extension whose members are there; %(name)s, %(schema)s, %(version)s.
-- For a shadow only: it writes into a system catalog. Privilege: superuser. Cost: under 1 ms.
with made as (
    insert into pg_catalog.pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
    select pg_catalog.pg_nextoid('pg_catalog.pg_extension', 'oid', 'pg_catalog.pg_extension_oid_index'),
           %(name)s, 10, n.oid, false, %(version)s
      from pg_catalog.pg_namespace as n
     where n.nspname = %(schema)s
    returning oid, extnamespace
),
placed as (
    insert into pg_catalog.pg_depend (classid, objid, objsubid, refclassid, refobjid, refobjsubid, deptype)
    select 'pg_catalog.pg_extension'::regclass, made.oid, 0, 'pg_catalog.pg_namespace'::regclass, made.extnamespace, 0, 'n'
      from made
)
insert into pg_catalog.pg_description (objoid, classoid, objsubid, description)
select made.oid, 'pg_catalog.pg_extension'::regclass, 0, 'stand-in for ' || %(name)s
  from made
