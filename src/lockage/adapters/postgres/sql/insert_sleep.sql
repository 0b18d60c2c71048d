-- A language none of whose functions can be called. Its number is one that no other language has.
-- For a shadow only. Privilege: superuser. Cost: under 1 ms.
insert into pg_catalog.pg_language (oid, lanname, lanowner, lanispl, lanpltrusted, lanplcallfoid, laninline, lanvalidator)
values (9, 'lockage_asleep', 10, true, true, 'pg_catalog.language_handler_in'::pg_catalog.regproc, 0, 0)
