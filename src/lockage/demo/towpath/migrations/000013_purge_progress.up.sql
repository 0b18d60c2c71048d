-- Keys that expired long ago were never deleted. From this release on they are, in small batches, and this is how far it came.
CREATE TABLE purge_progress (
    table_name text PRIMARY KEY,
    purged_until timestamp with time zone NOT NULL DEFAULT '-infinity',
    purged_rows bigint NOT NULL DEFAULT 0,
    finished_at timestamp with time zone
);

INSERT INTO purge_progress (table_name) VALUES ('api_keys');
