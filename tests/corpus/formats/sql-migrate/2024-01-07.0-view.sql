-- +migrate Up
CREATE OR REPLACE VIEW open_orders AS SELECT id FROM orders WHERE state = 'open';

-- +migrate Down
DROP TABLE nothing_of_this_is_run;
