-- Takes the handlers from all foreign data wrappers: foreign tables can be altered and dropped, but no longer reach their servers.
-- For a shadow only: it writes into a system catalog. Privilege: superuser with allow_system_table_mods. Cost: under 1 ms.
update pg_catalog.pg_foreign_data_wrapper set fdwhandler = 0, fdwvalidator = 0
