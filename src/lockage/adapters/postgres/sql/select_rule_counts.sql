-- How many entries select_key_rules.sql and select_code_rules.sql would give of what can be taken out without a trace: one row each,
-- (kind, number), of the kinds whose flag is true.
-- Run in the traced session itself; so without parameters, and with every name qualified. Privilege: none. Cost: about 1 ms for
-- 1000 tables; takes no lock.
select 'foreign_keys', pg_catalog.count(*)
  from pg_catalog.pg_constraint as c
 where {constraints} and c.contype = 'f' and c.oid::bigint >= 16384
having {constraints}
union all
select 'triggers', pg_catalog.count(*)
  from pg_catalog.pg_trigger as t
 where {triggers} and not t.tgisinternal and t.tgenabled in ('O', 'A') and t.oid::bigint >= 16384
having {triggers}
union all
select 'rewrites', pg_catalog.count(*)
  from pg_catalog.pg_rewrite as r
 where {rewrites} and r.oid::bigint >= 16384 and r.rulename <> '_RETURN' and r.ev_type <> '1' and r.ev_enabled in ('O', 'A')
having {rewrites}
