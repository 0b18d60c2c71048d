INSERT INTO site_configs (key, value)
    SELECT 'announcement', value FROM site_configs WHERE key = 'announcement_banners';
DELETE FROM site_configs WHERE key = 'announcement_banners';
ALTER TABLE site_configs DROP COLUMN updated_at;
