-- migrate:up transaction:false
CREATE INDEX CONCURRENTLY lines_note ON lines (note);

-- migrate:down
DROP TABLE nothing_of_this_is_run;
