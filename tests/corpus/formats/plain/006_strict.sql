ALTER TABLE ${table} ALTER COLUMN state SET DEFAULT 'new';
ALTER TABLE ${table} ADD CONSTRAINT total_known CHECK (total >= 0);
