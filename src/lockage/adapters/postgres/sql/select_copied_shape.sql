-- The kind of the relation that a name means (pg_class.relkind, "instead" for a view with INSTEAD OF INSERT triggers), and the
-- columns that COPY takes when it names none. No row where there is no such relation. Privilege: none. Cost: under 1 ms.
select case
           when c.relkind = 'v' and exists (
               -- Source: catalog/pg_trigger.h: bits of INSERT 4, INSTEAD 64.
               select from pg_catalog.pg_trigger as t where t.tgrelid = c.oid and t.tgtype::integer & 68 = 68
           ) then 'instead'
           else c.relkind::text
       end,
       array(
           select pg_catalog.quote_ident(a.attname)
             from pg_catalog.pg_attribute as a
            where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
            order by a.attnum
       )
  from pg_catalog.pg_class as c
 where c.oid = pg_catalog.to_regclass(%(table)s)
