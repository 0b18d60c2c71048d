-- Schemas that calibrations have made, by name and comment; ours alone bear both.
-- Privilege: none. Cost: under 1 ms.
select n.nspname as schema
  from pg_namespace as n
 where n.nspname ~ '^lockage_calibration_[0-9a-f]{8}$'
   and obj_description(n.oid, 'pg_namespace') like 'Made by Lockage %%'
   and pg_has_role(n.nspowner, 'USAGE')
 order by 1
