-- All relations that a script or its predecessors can have made: oid, names, kind, file, and what they belong to. One text, a line
-- of JSON for each, so that unchanged ones are told by their line. The caller may put one more condition behind it.
-- Run in the traced session itself, for what its open transaction made is invisible to others; so without parameters, and with
-- every name qualified, whatever search_path or role the script has set.
-- Privilege: none. Cost: about 2 ms for 700 relations, 0.3 ms for a few named by oid; takes no lock on any of them.
select pg_catalog.string_agg(
           pg_catalog.json_build_array(
               c.oid::bigint,
               pg_catalog.concat(n.nspname, '.', c.relname),
               c.relkind,
               c.relfilenode::bigint,
               -- PostgreSQL names a TOAST table after the oid of its table, and keeps that through every rewrite.
               case when c.relkind = 't' then pg_catalog.substring(c.relname::text, '^pg_toast_([0-9]+)$')::bigint
                    else i.indrelid::bigint end,
               c.relispartition,
               case when c.relkind in ('r', 'p', 'f') then (
                   select pg_catalog.array_agg(h.inhparent::bigint order by h.inhseqno)
                     from pg_catalog.pg_inherits as h
                    where h.inhrelid = c.oid
               ) end,
               c.relnatts
           )::text,
           E'\n'
       )
  from pg_catalog.pg_class as c
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
  left join pg_catalog.pg_index as i on i.indexrelid = c.oid
-- Source: access/transam.h, FirstNormalObjectId: what initdb made has lower oids, information_schema included.
 where c.oid >= 16384 and c.relkind <> 'c'
