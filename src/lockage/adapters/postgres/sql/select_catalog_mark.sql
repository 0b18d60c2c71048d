-- All relations that a script or its predecessors can have made: oid, names, file, and what they belong to.
-- Run in the traced session itself, for what its open transaction made is invisible to others; so without parameters, and with
-- every name qualified, whatever search_path or role the script has set.
-- Privilege: none. Cost: about 1 ms for 500 relations; takes no lock on any of them.
select c.oid,
       n.nspname,
       c.relname,
       c.relkind,
       c.relfilenode,
       i.indrelid,
       t.oid as toasted_oid,
       c.relispartition,
       h.inhparent
  from pg_catalog.pg_class as c
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
  left join pg_catalog.pg_index as i on i.indexrelid = c.oid
  left join pg_catalog.pg_class as t on t.reltoastrelid = c.oid and c.relkind = 't'
  left join pg_catalog.pg_inherits as h on h.inhrelid = c.oid and c.relkind not in ('i', 'I')
-- Source: access/transam.h, FirstNormalObjectId: what initdb made has lower oids, information_schema included.
 where c.oid >= 16384 and c.relkind <> 'c'
 order by c.oid, h.inhseqno
