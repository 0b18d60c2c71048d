-- Makes the planner believe what a script has made of columns. %(columns)s: a JSON list of them, each with what becomes of its share
-- of NULLs; %(count)s: how many, so that it is known before. Several statements, for one simple Query.
-- For a shadow, as update_planner_facts.sql. Privilege: superuser. Cost: under 1 ms for one table; locks no table of a user's.
update pg_catalog.pg_statistic as s
   set stanullfrac = least(1, greatest(0, s.stanullfrac * told.scale + told.shift)),
       stadistinct = case when told.anew then 0 else s.stadistinct end,
       stakind1 = case when told.anew then 0 else s.stakind1 end,
       stakind2 = case when told.anew then 0 else s.stakind2 end,
       stakind3 = case when told.anew then 0 else s.stakind3 end,
       stakind4 = case when told.anew then 0 else s.stakind4 end,
       stakind5 = case when told.anew then 0 else s.stakind5 end
  from (
      select *
        from pg_catalog.json_to_recordset(%(columns)s::pg_catalog.json) as listed (
                 oid pg_catalog.oid, name pg_catalog.text, scale pg_catalog.float4, shift pg_catalog.float4, anew pg_catalog.bool
             )
       limit %(count)s
  ) as told
  join pg_catalog.pg_attribute as a on a.attrelid = told.oid and a.attname = told.name
 where s.starelid = a.attrelid and s.staattnum = a.attnum and a.attnum > 0;
-- A column without statistics gets some where its share of NULLs does not hang on what it was; of one that was added with a
-- constant default, also that value, which the catalog keeps.
insert into pg_catalog.pg_statistic (
    starelid, staattnum, stainherit, stanullfrac, stawidth, stadistinct, stakind1, stakind2, stakind3, stakind4, stakind5,
    staop1, staop2, staop3, staop4, staop5, stacoll1, stacoll2, stacoll3, stacoll4, stacoll5, stanumbers1, stavalues1
)
select a.attrelid, a.attnum, c.relkind = 'p', told.shift, case when a.attlen > 0 then a.attlen else 16 end,
       case when a.atthasmissing then 1 else 0 end, case when a.atthasmissing then 1 else 0 end, 0, 0, 0, 0,
       case when a.atthasmissing then coalesce(equal.oid, 0) else 0 end, 0, 0, 0, 0,
       case when a.atthasmissing then a.attcollation else 0 end, 0, 0, 0, 0,
       case when a.atthasmissing then '{1}'::pg_catalog.float4[] end, a.attmissingval
  from (
      select *
        from pg_catalog.json_to_recordset(%(columns)s::pg_catalog.json) as listed (
                 oid pg_catalog.oid, name pg_catalog.text, scale pg_catalog.float4, shift pg_catalog.float4, anew pg_catalog.bool
             )
       limit %(count)s
  ) as told
  join pg_catalog.pg_attribute as a on a.attrelid = told.oid and a.attname = told.name and a.attnum > 0 and not a.attisdropped
  join pg_catalog.pg_class as c on c.oid = a.attrelid
  left join pg_catalog.pg_operator as equal
    on equal.oprname = '=' and equal.oprleft = a.atttypid and equal.oprright = a.atttypid
   and equal.oprnamespace = 'pg_catalog'::pg_catalog.regnamespace
 where told.scale = 0
   and not exists (
       select from pg_catalog.pg_statistic as s where s.starelid = a.attrelid and s.staattnum = a.attnum
   )
