-- +goose Up
-- +goose ENVSUB ON
ALTER TABLE ${table} ALTER COLUMN state SET DEFAULT '${STATE:-new}';
ALTER TABLE ${table} ADD CONSTRAINT total_known CHECK (total >= 0);
-- +goose ENVSUB OFF

-- +goose Down
DROP TABLE nothing_of_this_is_run;
