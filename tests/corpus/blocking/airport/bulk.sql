-- Many rows, for what is watched while it runs.
insert into queue select n, false, n::text from generate_series(100, 20000) n;
