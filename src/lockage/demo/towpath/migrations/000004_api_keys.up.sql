CREATE TYPE api_key_scope AS ENUM ('all', 'application_connect');

CREATE TABLE api_keys (
    id text PRIMARY KEY,
    hashed_secret bytea NOT NULL,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    token_name text NOT NULL DEFAULT '',
    login_type login_type NOT NULL,
    scope api_key_scope NOT NULL DEFAULT 'all',
    ip_address inet NOT NULL DEFAULT '0.0.0.0',
    lifetime_seconds integer NOT NULL DEFAULT 86400,
    last_used timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone NOT NULL DEFAULT now(),
    updated_at timestamp with time zone NOT NULL DEFAULT now()
);

CREATE INDEX idx_api_keys_user ON api_keys (user_id);
CREATE INDEX idx_api_keys_expires_at ON api_keys (expires_at);

COMMENT ON COLUMN api_keys.hashed_secret IS 'SHA-256 of the secret; the secret itself is never stored.';
COMMENT ON COLUMN api_keys.scope IS 'What the holder of the key may do.';
