-- Of tables (%(tables)s: schema.name), those that they refer to or that refer to them by foreign keys.
-- Privilege: none. Cost: under 1 ms for 100 tables; takes no lock.
with hidden as (
    select c.oid, n.nspname, c.relname
      from pg_catalog.pg_class as c
      join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
     where n.nspname || '.' || c.relname = any (%(tables)s)
)
select h.nspname, h.relname,
       array(
           select distinct pn.nspname || '.' || p.relname
             from pg_catalog.pg_constraint as k
             join pg_catalog.pg_class as p on p.oid = case when k.conrelid = h.oid then k.confrelid else k.conrelid end
             join pg_catalog.pg_namespace as pn on pn.oid = p.relnamespace
            where k.contype = 'f' and k.conparentid = 0 and h.oid in (k.conrelid, k.confrelid) and p.oid <> h.oid
            order by 1
       ) as partners
  from hidden as h
