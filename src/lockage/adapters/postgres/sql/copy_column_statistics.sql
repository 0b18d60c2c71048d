-- Puts the statistics of the relations in %(oids)s (a list of oids; null: of all) aside, where ANALYZE does not find them: under
-- numbers that no column has. Two statements, for one simple Query.
-- For a shadow. Privilege: superuser. Cost: under 1 ms for one table; locks no table of a user's.
delete from pg_catalog.pg_statistic as s
 where s.staattnum <= -1000 and (%(oids)s::pg_catalog.oid[] is null or s.starelid = any (%(oids)s::pg_catalog.oid[]));
insert into pg_catalog.pg_statistic (
    starelid, staattnum, stainherit, stanullfrac, stawidth, stadistinct, stakind1, stakind2, stakind3, stakind4, stakind5,
    staop1, staop2, staop3, staop4, staop5, stacoll1, stacoll2, stacoll3, stacoll4, stacoll5,
    stanumbers1, stanumbers2, stanumbers3, stanumbers4, stanumbers5, stavalues1, stavalues2, stavalues3, stavalues4, stavalues5
)
select s.starelid, -1000 - s.staattnum, s.stainherit, s.stanullfrac, s.stawidth, s.stadistinct,
       s.stakind1, s.stakind2, s.stakind3, s.stakind4, s.stakind5,
       s.staop1, s.staop2, s.staop3, s.staop4, s.staop5, s.stacoll1, s.stacoll2, s.stacoll3, s.stacoll4, s.stacoll5,
       s.stanumbers1, s.stanumbers2, s.stanumbers3, s.stanumbers4, s.stanumbers5,
       s.stavalues1, s.stavalues2, s.stavalues3, s.stavalues4, s.stavalues5
  from pg_catalog.pg_statistic as s
 where s.starelid >= 16384 and s.staattnum > 0
   and (%(oids)s::pg_catalog.oid[] is null or s.starelid = any (%(oids)s::pg_catalog.oid[]))
