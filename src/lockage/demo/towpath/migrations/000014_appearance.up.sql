-- Cheap in itself. But the front page reads this table, and it stays locked until the last of these migrations has committed.
ALTER TABLE site_configs ADD COLUMN updated_at timestamp with time zone NOT NULL DEFAULT now();

DO $$
DECLARE
    former text;
BEGIN
    SELECT value INTO former FROM site_configs WHERE key = 'announcement';
    INSERT INTO site_configs (key, value) VALUES ('announcement_banners', coalesce(former, ''));
    DELETE FROM site_configs WHERE key = 'announcement';
END;
$$;
