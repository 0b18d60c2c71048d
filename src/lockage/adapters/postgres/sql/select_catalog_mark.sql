-- All relations that a script or its predecessors can have made: oid, names, kind, file, and what they belong to. One text, a line
-- of JSON for each, so that unchanged ones are told by their line.
-- Run in the traced session itself, for what its open transaction made is invisible to others; so without parameters, and with
-- every name qualified, whatever search_path or role the script has set.
-- Privilege: none. Cost: about 2 ms for 700 relations; takes no lock on any of them.
select pg_catalog.string_agg(
           pg_catalog.json_build_array(
               c.oid::bigint,
               pg_catalog.concat(n.nspname, '.', c.relname),
               c.relkind,
               c.relfilenode::bigint,
               coalesce(i.indrelid, t.oid)::bigint,
               c.relispartition,
               h.parents
           )::text,
           E'\n'
       )
  from pg_catalog.pg_class as c
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
  left join pg_catalog.pg_index as i on i.indexrelid = c.oid
  left join pg_catalog.pg_class as t on t.reltoastrelid = c.oid and c.relkind = 't'
  left join (
      select inhrelid, pg_catalog.array_agg(inhparent::bigint order by inhseqno) as parents
        from pg_catalog.pg_inherits
       group by inhrelid
  ) as h on h.inhrelid = c.oid and c.relkind not in ('i', 'I')
-- Source: access/transam.h, FirstNormalObjectId: what initdb made has lower oids, information_schema included.
 where c.oid >= 16384 and c.relkind <> 'c'
