-- The session's search_path with all other schemas of users behind it; null where there are no others. For an application that
-- sets its own, which nobody else can know. Privilege: none. Cost: under 1 ms.
select pg_catalog.concat_ws(
           ', ', nullif(pg_catalog.current_setting('search_path'), ''),
           pg_catalog.string_agg(pg_catalog.quote_ident(nspname), ', ' order by oid)
       )
  from pg_catalog.pg_namespace
 where (oid >= 16384 or nspname = 'public') and nspname <> all (pg_catalog.current_schemas(true)) and nspname !~ '^pg_'
having pg_catalog.count(*) > 0
