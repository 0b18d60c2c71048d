ALTER TABLE orders ALTER COLUMN state SET DEFAULT 'new';
ALTER TABLE orders ADD CONSTRAINT total_known CHECK (total >= 0);
