-- Orders that drop the CHECK constraints of the tables whose names are among %(words)s, in lower case, and of all domains.
-- Never for production. Privilege: none. Cost: some ms.
select pg_catalog.format('alter table %%s drop constraint %%I cascade', c.conrelid::pg_catalog.regclass, c.conname)
  from pg_catalog.pg_constraint as c
  join pg_catalog.pg_class as r on r.oid = c.conrelid
 where c.oid >= 16384 and c.contype = 'c' and c.coninhcount = 0 and pg_catalog.lower(r.relname) = any (%(words)s)
union all
select pg_catalog.format('alter domain %%s drop constraint %%I', c.contypid::pg_catalog.regtype, c.conname)
  from pg_catalog.pg_constraint as c
 where c.oid >= 16384 and c.contype = 'c' and c.contypid >= 16384
