-- Rows enough that what runs by itself lasts long enough to be seen.
insert into pipelines select i, 100, 1, 'main', 'ok' from generate_series(1000, 20000) i;
insert into builds select i, 100, i, 'b', 'ok' from generate_series(1000, 20000) i;
insert into issues (id, title) select i, 't' from generate_series(1000, 20000) i;
insert into projects (id, namespace_id, name) select i, 1, 'p' from generate_series(1000, 20000) i;
insert into audit_events select i, '2024-05-05', i, 'd' from generate_series(1000, 20000) i;
