-- One scope a key becomes a list of scopes, and a list of the resources that the key is good for.
ALTER TYPE api_key_scope ADD VALUE IF NOT EXISTS 'workspace:read';
ALTER TYPE api_key_scope ADD VALUE IF NOT EXISTS 'workspace:create';
ALTER TYPE api_key_scope ADD VALUE IF NOT EXISTS 'template:read';
ALTER TYPE api_key_scope ADD VALUE IF NOT EXISTS 'user:read';

ALTER TABLE api_keys ADD COLUMN scopes api_key_scope[];
ALTER TABLE api_keys ADD COLUMN allow_list text[];

UPDATE api_keys SET scopes = ARRAY[scope], allow_list = ARRAY['*:*'];

ALTER TABLE api_keys ALTER COLUMN scopes SET NOT NULL;
ALTER TABLE api_keys ALTER COLUMN allow_list SET NOT NULL;
ALTER TABLE api_keys ADD CONSTRAINT api_keys_allow_list_not_empty CHECK (array_length(allow_list, 1) > 0);
ALTER TABLE api_keys DROP COLUMN scope;

CREATE INDEX idx_api_keys_scopes ON api_keys USING gin (scopes);
CREATE INDEX idx_api_keys_user_last_used ON api_keys (user_id, last_used);
