-- Settings of the server's own configuration that change what a script means; %(names)s: which ones.
-- Privilege: none for these. Cost: under 1 ms.
select name, setting
  from pg_catalog.pg_settings
 where name = any (%(names)s)
   and source in ('configuration file', 'command line', 'environment variable')
 order by name
