insert into quays select i, 'quay ' || i from generate_series(1, 30) i;
insert into barges select i, 1 + i % 30, 1 + i % 3 from generate_series(1, 500) i;
