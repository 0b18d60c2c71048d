-- Gives every function its own language back. The note stays, empty, and the language: to drop them would fire event triggers, which
-- are awake by then. For a shadow only. Privilege: superuser, with allow_system_table_mods. Cost: 1 ms for a thousand functions.
update pg_catalog.pg_proc as p set prolang = a.language from pg_catalog.lockage_asleep as a where a.function = p.oid;
delete from pg_catalog.lockage_asleep;
