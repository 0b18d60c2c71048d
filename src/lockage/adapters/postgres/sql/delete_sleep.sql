-- Gives every function its own language back, and leaves no trace. No command that event triggers would notice: they are awake by then.
-- For a shadow only. Privilege: superuser. Cost: 1 ms for a thousand functions.
update pg_catalog.pg_proc as p
   set prolang = a.description::oid
  from pg_catalog.pg_description as a
 where a.objoid = p.oid
   and a.classoid = 'pg_catalog.pg_proc'::pg_catalog.regclass
   and a.objsubid = -1;
delete from pg_catalog.pg_description where classoid = 'pg_catalog.pg_proc'::pg_catalog.regclass and objsubid = -1;
delete from pg_catalog.pg_language where lanname = 'lockage_asleep';
