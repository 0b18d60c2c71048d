-- +goose NO TRANSACTION
-- +goose Up
CREATE INDEX CONCURRENTLY orders_state ON orders (state);
CREATE INDEX CONCURRENTLY lines_note ON lines (note);

-- +goose Down
DROP TABLE nothing_of_this_is_run;
