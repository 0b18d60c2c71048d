CREATE INDEX CONCURRENTLY lines_note ON lines (note);
