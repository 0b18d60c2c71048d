-- Since 18 NOT NULL is a named constraint. One restored from an older server gets a name made up from table and column, which a
-- script may want for a CHECK of its own; so each gets a name that no script can think of.
-- For a shadow only: it writes into a system catalog. Privilege: superuser with allow_system_table_mods. Cost: 10 ms for 1 000.
update pg_catalog.pg_constraint
   set conname = 'lockage shadow not null ' || conkey[1]
 where contype = 'n' and oid >= 16384
