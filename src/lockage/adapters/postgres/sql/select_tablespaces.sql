-- Places of their own for files of relations, by name; PostgreSQL's two are everywhere.
-- Privilege: none. Cost: under 1 ms.
select spcname
  from pg_catalog.pg_tablespace
 where spcname !~ '^pg_'
 order by 1
