-- migrate:up transaction:false
CREATE INDEX CONCURRENTLY orders_state ON orders (state);

-- migrate:down
DROP TABLE nothing_of_this_is_run;
