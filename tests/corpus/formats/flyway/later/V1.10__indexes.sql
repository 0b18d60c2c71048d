CREATE INDEX CONCURRENTLY orders_state ON orders (state);
CREATE INDEX CONCURRENTLY lines_note ON lines (note);
