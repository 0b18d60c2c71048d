-- Makes all that is newer than %(after)s members of extension %(name)s, but for schemas and what belongs to something else inside.
-- For a shadow only: it writes into a system catalog. Privilege: superuser. Cost: 5 ms for 1 000 members.
insert into pg_catalog.pg_depend (classid, objid, objsubid, refclassid, refobjid, refobjsubid, deptype)
select made.class, made.oid, 0, 'pg_catalog.pg_extension'::regclass, e.oid, 0, 'e'
  from (
      select 'pg_catalog.pg_class'::regclass as class, oid from pg_catalog.pg_class where relkind in ('r', 'p', 'v', 'm', 'S', 'f')
      union all
      select 'pg_catalog.pg_type'::regclass, oid from pg_catalog.pg_type where typrelid = 0 and typcategory <> 'A'
      union all
      select 'pg_catalog.pg_proc'::regclass, oid from pg_catalog.pg_proc
      union all
      select 'pg_catalog.pg_operator'::regclass, oid from pg_catalog.pg_operator
      union all
      select 'pg_catalog.pg_opclass'::regclass, oid from pg_catalog.pg_opclass
      union all
      select 'pg_catalog.pg_opfamily'::regclass, oid from pg_catalog.pg_opfamily
      union all
      select 'pg_catalog.pg_cast'::regclass, oid from pg_catalog.pg_cast
      union all
      select 'pg_catalog.pg_foreign_data_wrapper'::regclass, oid from pg_catalog.pg_foreign_data_wrapper
      union all
      select 'pg_catalog.pg_language'::regclass, oid from pg_catalog.pg_language
  ) as made
  join pg_catalog.pg_extension as e on e.extname = %(name)s
 where made.oid::bigint > %(after)s
