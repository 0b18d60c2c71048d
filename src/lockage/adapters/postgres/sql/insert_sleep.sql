-- A language none of whose functions can be called, and a note of which had another one.
-- For a shadow only. Privilege: superuser, with allow_system_table_mods. Cost: under 1 ms.
create table pg_catalog.lockage_asleep (function oid, language oid);
insert into pg_catalog.pg_language (oid, lanname, lanowner, lanispl, lanpltrusted, lanplcallfoid, laninline, lanvalidator)
select pg_catalog.pg_nextoid('pg_catalog.pg_language', 'oid', 'pg_catalog.pg_language_oid_index'),
       'lockage_asleep', 10, true, true, 'pg_catalog.language_handler_in'::pg_catalog.regproc, 0, 0;
