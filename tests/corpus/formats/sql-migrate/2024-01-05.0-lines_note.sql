-- +migrate Up notransaction
CREATE INDEX CONCURRENTLY lines_note ON lines (note);

-- +migrate Down
DROP TABLE nothing_of_this_is_run;
