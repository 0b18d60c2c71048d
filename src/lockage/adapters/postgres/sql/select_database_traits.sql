-- What a database is called, whose it is, how it encodes text, which extensions and filled materialised views it has.
-- Privilege: none. Cost: under 1 ms.
select current_database() as name,
       pg_catalog.pg_encoding_to_char(d.encoding) as encoding,
       current_user::text as asker,
       pg_catalog.pg_get_userbyid(d.datdba)::text as owner,
       array(select extname::text from pg_catalog.pg_extension order by 1) as extensions,
       array(
           select n.nspname || '.' || c.relname
             from pg_catalog.pg_class as c
             join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
            where c.relkind = 'm' and c.relispopulated
            order by 1
       ) as filled_views,
       exists (select from pg_catalog.pg_namespace where nspname = 'public') as has_public
  from pg_catalog.pg_database as d
 where d.datname = current_database()
