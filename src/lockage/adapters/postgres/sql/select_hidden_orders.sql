-- What makes tables (%(tables)s: schema.name) anew, as far as the catalog tells everybody: schema, name, place, SQL.
-- Places: 1 tables, parents before partitions; 2 defaults, heirs; 3 keys and checks; 4 indexes; 5 triggers, rules, row security;
-- 6 foreign keys; 7 owners. To be run with search_path = pg_catalog.
-- Privilege: none. Cost: 5 ms for 100 tables; takes no lock that anybody waits for.
with hidden as (
    select c.oid, n.nspname, c.relname, c.relkind, c.relpersistence, c.relispartition, c.relowner, c.relrowsecurity,
           c.relforcerowsecurity, c.relpartbound, c.reloptions,
           quote_ident(n.nspname) || '.' || quote_ident(c.relname) as name
      from pg_class as c
      join pg_namespace as n on n.oid = c.relnamespace
     where n.nspname || '.' || c.relname = any (%(tables)s) and c.relkind in ('r', 'p')
),
columns as (
    select h.oid, h.name, h.nspname, h.relname, h.relispartition, a.attnum, quote_ident(a.attname) as column_name,
           format_type(a.atttypid, a.atttypmod)
               || case when a.attcollation <> t.typcollation and a.attcollation <> 0
                       then ' COLLATE ' || a.attcollation::regcollation::text else '' end as type,
           a.attnotnull, a.attidentity, a.attgenerated, pg_get_expr(d.adbin, d.adrelid) as value
      from hidden as h
      join pg_attribute as a on a.attrelid = h.oid and a.attnum > 0 and not a.attisdropped
      join pg_type as t on t.oid = a.atttypid
      left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
)
select h.nspname, h.relname, 1 + (select count(*) from pg_partition_ancestors(h.oid))::integer as place,
       'CREATE ' || case h.relpersistence when 'u' then 'UNLOGGED ' else '' end || 'TABLE ' || h.name
           || case when h.relispartition
                   then ' PARTITION OF ' || (select i.inhparent::regclass::text from pg_inherits as i where i.inhrelid = h.oid)
                       || ' ' || pg_get_expr(h.relpartbound, h.oid)
                   else ' (' || coalesce((
                       select string_agg(
                                  k.column_name || ' ' || k.type
                                      || case k.attgenerated when 's' then ' GENERATED ALWAYS AS (' || k.value || ') STORED'
                                              when 'v' then ' GENERATED ALWAYS AS (' || k.value || ')' else '' end
                                      || case when k.attnotnull then ' NOT NULL' else '' end,
                                  ', ' order by k.attnum)
                         from columns as k where k.oid = h.oid
                   ), '') || ')' end
           || case when h.relkind = 'p' then ' PARTITION BY ' || pg_get_partkeydef(h.oid) else '' end as sql
  from hidden as h
union all
select k.nspname, k.relname, 102,
       'ALTER TABLE ' || k.name || ' ALTER COLUMN ' || k.column_name
           || case when k.attidentity = '' then ' SET DEFAULT ' || k.value
                   else ' ADD GENERATED ' || case k.attidentity when 'a' then 'ALWAYS' else 'BY DEFAULT' end || ' AS IDENTITY' end
  from columns as k
 where not k.relispartition and k.attgenerated = '' and (k.value is not null or k.attidentity <> '')
union all
select h.nspname, h.relname, 103, 'ALTER TABLE ' || h.name || ' INHERIT ' || i.inhparent::regclass::text
  from hidden as h
  join pg_inherits as i on i.inhrelid = h.oid
 where not h.relispartition
union all
select h.nspname, h.relname, case k.contype when 'f' then 106 when 'c' then 104 else 103 end,
       'ALTER TABLE ' || h.name || ' ADD CONSTRAINT ' || quote_ident(k.conname) || ' ' || pg_get_constraintdef(k.oid)
  from hidden as h
  join pg_constraint as k on k.conrelid = h.oid
 where k.contype in ('p', 'u', 'x', 'c', 'f') and k.coninhcount = 0 and k.conparentid = 0
union all
select h.nspname, h.relname, 105, pg_get_indexdef(x.indexrelid)
  from hidden as h
  join pg_index as x on x.indrelid = h.oid
  join pg_class as i on i.oid = x.indexrelid
 where not i.relispartition
   and not exists (select from pg_constraint as k where k.conindid = x.indexrelid and k.contype in ('p', 'u', 'x'))
union all
select h.nspname, h.relname, 105, pg_get_triggerdef(t.oid)
  from hidden as h
  join pg_trigger as t on t.tgrelid = h.oid
 where not t.tgisinternal and t.tgparentid = 0
union all
select h.nspname, h.relname, 105, pg_get_ruledef(r.oid)
  from hidden as h
  join pg_rewrite as r on r.ev_class = h.oid
union all
select h.nspname, h.relname, 105,
       'ALTER TABLE ' || h.name || ' ENABLE ROW LEVEL SECURITY'
           || case when h.relforcerowsecurity then ', FORCE ROW LEVEL SECURITY' else '' end
  from hidden as h
 where h.relrowsecurity
union all
select h.nspname, h.relname, 107, 'ALTER TABLE ' || h.name || ' OWNER TO ' || h.relowner::regrole::text
  from hidden as h
 order by 3
