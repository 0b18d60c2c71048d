-- Settings that decide how fast a script runs, each with its unit; %(names)s: which ones.
-- Privilege: none for these. Cost: under 1 ms.
select name, setting, unit
  from pg_catalog.pg_settings
 where name = any (%(names)s)
 order by name
