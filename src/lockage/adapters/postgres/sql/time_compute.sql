-- Digests of numbers: what the processor does, without a table. Privilege: none. Cost: about 25 ms of one processor.
explain (analyze, timing off, format json)
select count(md5(g::text)) from generate_series(1, 60000) as g
