-- How often queries have used each index of users' tables, whether it does more than that, and which others begin with its columns.
-- Needs no privilege. Cost: one pass over pg_index and the counters in memory; no lock on a table or an index.
-- last_idx_scan is there from PostgreSQL 16 on, so it is asked for by its name in a row that is what it is.
select n.nspname || '.' || c.relname as index,
       s.idx_scan as scans,
       (pg_catalog.to_jsonb(s) ->> 'last_idx_scan')::timestamptz as last_at,
       i.indisunique or i.indisexclusion or i.indisreplident
           or exists (select from pg_catalog.pg_constraint as k where k.conindid = i.indexrelid) as enforces,
       array(
           -- A B-tree with all of its columns in front, each sorted and compared as in it, over at least the same rows. What may be
           -- an expression (column 0), or is INCLUDEd for scans that read no row, is not looked into.
           select no.nspname || '.' || co.relname
             from pg_catalog.pg_index as o
             join pg_catalog.pg_class as co on co.oid = o.indexrelid and co.relkind = 'i' and co.relam = c.relam
             join pg_catalog.pg_namespace as no on no.oid = co.relnamespace
            where o.indrelid = i.indrelid
              and o.indexrelid <> i.indexrelid
              and o.indisvalid and o.indisready and o.indislive
              and o.indpred is null
              and i.indnatts = i.indnkeyatts
              and o.indnkeyatts >= i.indnkeyatts
              and 0 <> all (i.indkey::int2[])
              and (o.indkey::int2[])[0:i.indnkeyatts - 1] = (i.indkey::int2[])[0:i.indnkeyatts - 1]
              and (o.indclass::oid[])[0:i.indnkeyatts - 1] = (i.indclass::oid[])[0:i.indnkeyatts - 1]
              and (o.indcollation::oid[])[0:i.indnkeyatts - 1] = (i.indcollation::oid[])[0:i.indnkeyatts - 1]
              and (o.indoption::int2[])[0:i.indnkeyatts - 1] = (i.indoption::int2[])[0:i.indnkeyatts - 1]
              and c.relam = (select a.oid from pg_catalog.pg_am as a where a.amname = 'btree')
            order by 1
       ) as covered_by
  from pg_catalog.pg_stat_user_indexes as s
  join pg_catalog.pg_index as i on i.indexrelid = s.indexrelid
  join pg_catalog.pg_class as c on c.oid = i.indexrelid
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
 where n.nspname !~ '^pg_'
 order by 1
