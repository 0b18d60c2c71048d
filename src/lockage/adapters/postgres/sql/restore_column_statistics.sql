-- Puts the statistics back that copy_column_statistics.sql has put aside, in place of what ANALYZE has made of a shadow's few rows.
-- Two statements, for one simple Query.
-- For a shadow. Privilege: superuser. Cost: under 1 ms for one table; locks no table of a user's.
delete from pg_catalog.pg_statistic as s
 using pg_catalog.pg_statistic as kept
 where kept.staattnum <= -1000 and s.starelid = kept.starelid and s.staattnum = -1000 - kept.staattnum
   and s.stainherit = kept.stainherit;
update pg_catalog.pg_statistic set staattnum = -1000 - staattnum where staattnum <= -1000
