-- Puts functions of users to sleep: whatever calls one fails, until it is awoken. For a shadow that a file of somebody's makes:
-- an index, a bound of a partition or a check would execute what it calls with a superuser's rights. Awake stay those of the
-- server's own extensions, but for the ones that reach out of the database, and of sketched extensions what reads and writes
-- types, or does nothing.
-- Privilege: superuser. Cost: one pass over the functions of users, 1 ms for a thousand.
--
-- Its own language is noted as a comment of a kind that nobody else makes: a table would take numbers that names of TOAST tables
-- then lack.
insert into pg_catalog.pg_description (objoid, classoid, objsubid, description)
select p.oid, 'pg_catalog.pg_proc'::pg_catalog.regclass, -1, p.prolang::text
  from pg_catalog.pg_proc as p
 where p.oid >= 16384
   and p.prolang <> (select l.oid from pg_catalog.pg_language as l where l.lanname = 'lockage_asleep')
   and not exists (
       select
         from pg_catalog.pg_depend as d
         join pg_catalog.pg_extension as e on e.oid = d.refobjid
         join pg_catalog.pg_language as l on l.oid = p.prolang
        where d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
          and d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
          and d.objid = p.oid and d.deptype = 'e'
          and case when e.extname in (select a.name from pg_catalog.pg_available_extensions as a)
                   then e.extname not in ('dblink', 'adminpack')
                   else l.lanname = 'internal' and p.prosrc ~ '(in|out|recv|send|cmp|eq|ne|lt|le|gt|ge)$'
                        or l.lanname = 'plpgsql' and p.prosrc in ('begin return null; end', 'begin return new; end')
              end
   );
update pg_catalog.pg_proc as p
   set prolang = (select l.oid from pg_catalog.pg_language as l where l.lanname = 'lockage_asleep')
  from pg_catalog.pg_description as a
 where a.objoid = p.oid
   and a.classoid = 'pg_catalog.pg_proc'::pg_catalog.regclass
   and a.objsubid = -1
   and p.prolang = a.description::oid;
