CREATE TABLE site_configs (
    key text PRIMARY KEY,
    value text NOT NULL
);

INSERT INTO site_configs (key, value) VALUES
    ('application_name', 'towpath'),
    ('announcement', '');

CREATE TABLE replicas (
    name text PRIMARY KEY,
    version text NOT NULL,
    started_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    stopped_at timestamp with time zone
);

COMMENT ON COLUMN replicas.updated_at IS 'Heartbeat; a replica without one for a minute is gone.';
