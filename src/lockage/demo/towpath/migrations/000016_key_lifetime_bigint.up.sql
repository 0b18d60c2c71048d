ALTER TABLE api_keys ALTER COLUMN lifetime_seconds TYPE bigint;
