-- +migrate Up notransaction
CREATE INDEX CONCURRENTLY orders_state ON orders (state);

-- +migrate Down
DROP TABLE nothing_of_this_is_run;
