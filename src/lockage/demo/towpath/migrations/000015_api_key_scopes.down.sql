-- The new values of the enum stay: PostgreSQL cannot take them back.
DROP INDEX idx_api_keys_user_last_used;
DROP INDEX idx_api_keys_scopes;
ALTER TABLE api_keys ADD COLUMN scope api_key_scope NOT NULL DEFAULT 'all';
UPDATE api_keys SET scope = scopes[1];
COMMENT ON COLUMN api_keys.scope IS 'What the holder of the key may do.';
ALTER TABLE api_keys DROP CONSTRAINT api_keys_allow_list_not_empty;
ALTER TABLE api_keys DROP COLUMN allow_list;
ALTER TABLE api_keys DROP COLUMN scopes;
