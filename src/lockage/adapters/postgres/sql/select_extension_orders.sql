-- What makes sketches of the members of extensions (%(names)s), in order: extension, SQL.
-- Types read and write text, or an integer of their length where they are as short as one; functions in C give NULL, and those
-- that take or give what only C code can hold refuse to be called (any_in does that, whatever it is given). To be run with
-- search_path = pg_catalog. Privilege: none. Cost: 30 ms for 1 000 members; takes no lock.
with member as (
    select e.extname, d.classid, d.objid
      from pg_depend as d
      join pg_extension as e on e.oid = d.refobjid
     where d.refclassid = 'pg_extension'::regclass and d.deptype = 'e' and e.extname = any (%(names)s)
),
base as (
    select m.extname, t.*, quote_ident(n.nspname) || '.' || quote_ident(t.typname) as name,
           case when t.typbyval and t.typlen = 8 then 'int8' when t.typbyval and t.typlen = 4 then 'int4'
                when t.typbyval and t.typlen = 2 then 'int2' when t.typbyval and t.typlen = 1 then 'char' else 'text' end as kind,
           exists (
               select from pg_attribute as a
                where a.atttypid = t.oid and a.atttypmod >= 0 and format_type(a.atttypid, a.atttypmod) !~ '\(\d+\)(\[\])*$'
           ) as worded
      from member as m
      join pg_type as t on m.classid = 'pg_type'::regclass and t.oid = m.objid
      join pg_namespace as n on n.oid = t.typnamespace
     where t.typtype = 'b' and t.typcategory <> 'A'
),
routine as (
    select m.extname, p.*, l.lanname,
           quote_ident(n.nspname) || '.' || quote_ident(p.proname) as name,
           exists (
               select from pg_type as t
                where t.typtype = 'p' and (t.oid = any (coalesce(p.proallargtypes, p.proargtypes::oid[])) or t.oid = p.prorettype)
                  and t.typname not in ('void', 'record', 'trigger', 'event_trigger', 'anyelement', 'anyarray', 'anynonarray',
                                        'anyenum', 'anyrange', 'anycompatible', 'anycompatiblearray', 'anycompatiblenonarray')
           ) as only_c
      from member as m
      join pg_proc as p on m.classid = 'pg_proc'::regclass and p.oid = m.objid
      join pg_namespace as n on n.oid = p.pronamespace
      join pg_language as l on l.oid = p.prolang
),
made (extname, place, oid, sql) as (
    select distinct m.extname, 0, n.oid, 'CREATE SCHEMA IF NOT EXISTS ' || quote_ident(n.nspname)
      from member as m
      join pg_extension as e on e.extname = m.extname
      left join pg_proc as p on m.classid = 'pg_proc'::regclass and p.oid = m.objid
      left join pg_class as c on m.classid = 'pg_class'::regclass and c.oid = m.objid
      left join pg_type as t on m.classid = 'pg_type'::regclass and t.oid = m.objid
      join pg_namespace as n on n.oid in (e.extnamespace, p.pronamespace, c.relnamespace, t.typnamespace)
     where n.nspname <> 'pg_catalog'
    union all
    -- A language comes first: functions may be in it. A procedure in it fails when it is called, as it is no PL/pgSQL.
    select m.extname, 1, l.oid, 'CREATE LANGUAGE ' || quote_ident(l.lanname) || ' HANDLER plpgsql_call_handler'
      from member as m
      join pg_language as l on m.classid = 'pg_language'::regclass and l.oid = m.objid
    union all
    select extname, 2, oid, 'CREATE TYPE ' || name from base
    union all
    select b.extname, 3, p.oid,
           format('CREATE FUNCTION %%s(%%s) RETURNS %%s LANGUAGE internal IMMUTABLE STRICT AS %%L',
                  p.oid::regproc, oidvectortypes(p.proargtypes), format_type(p.prorettype, null),
                  case p.oid when b.typinput then b.kind || 'in' when b.typoutput then b.kind || 'out'
                       when b.typmodout then 'varchartypmodout' else case when b.worded then 'array_ndims' else 'varchartypmodin' end end)
      from base as b
      join pg_proc as p on p.oid in (b.typinput, b.typoutput, b.typmodin, case when b.worded then 0 else b.typmodout end)
     where p.oid >= 16384
    union all
    select b.extname, 4, b.oid,
           'CREATE TYPE ' || b.name || ' (INPUT = ' || b.typinput::regproc || ', OUTPUT = ' || b.typoutput::regproc
               || case when b.typmodin <> 0 then ', TYPMOD_IN = ' || b.typmodin::regproc else '' end
               || case when b.typmodout <> 0 and not b.worded then ', TYPMOD_OUT = ' || b.typmodout::regproc else '' end
               || case b.kind when 'text' then ', INTERNALLENGTH = VARIABLE, ALIGNMENT = int4, STORAGE = extended'
                       when 'int8' then ', LIKE = int8' when 'int4' then ', LIKE = int4'
                       when 'int2' then ', LIKE = int2' else ', LIKE = "char"' end
               || ', CATEGORY = ' || quote_literal(b.typcategory::text) || ', DELIMITER = ' || quote_literal(b.typdelim::text)
               || case when b.typcollation <> 0 then ', COLLATABLE = true' else '' end || ')'
      from base as b
    union all
    select m.extname, 5, t.oid,
           case t.typtype
               when 'e' then 'CREATE TYPE ' || format_type(t.oid, null) || ' AS ENUM (' || coalesce((
                   select string_agg(quote_literal(v.enumlabel), ', ' order by v.enumsortorder) from pg_enum as v where v.enumtypid = t.oid
               ), '') || ')'
               when 'd' then 'CREATE DOMAIN ' || format_type(t.oid, null) || ' AS ' || format_type(t.typbasetype, t.typtypmod)
               else 'CREATE TYPE ' || format_type(t.oid, null) || ' AS (' || coalesce((
                   select string_agg(quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod), ', ' order by a.attnum)
                     from pg_attribute as a where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped
               ), '') || ')'
           end
      from member as m
      join pg_type as t on m.classid = 'pg_type'::regclass and t.oid = m.objid
      left join pg_class as c on c.oid = t.typrelid
     where t.typtype in ('e', 'd') or (t.typtype = 'c' and c.relkind = 'c')
    union all
    select r.extname, 6, r.oid,
           case when r.lanname <> 'c' and r.lanname <> 'internal' then pg_get_functiondef(r.oid)
                else 'CREATE ' || case r.prokind when 'p' then 'PROCEDURE ' else 'FUNCTION ' end || r.name
                    || '(' || pg_get_function_arguments(r.oid) || ')'
                    || case r.prokind when 'p' then '' else ' RETURNS ' || pg_get_function_result(r.oid) end
                    || case when r.prorettype = 'trigger'::regtype then ' LANGUAGE plpgsql AS ''begin return new; end'''
                            when r.only_c then ' LANGUAGE internal' || case r.provolatile when 'i' then ' IMMUTABLE' else '' end
                                || case when r.proisstrict then ' STRICT' else '' end || ' AS ''any_in'''
                            else ' LANGUAGE plpgsql'
                                || case when r.prokind = 'p' then ''
                                        else case r.provolatile when 'i' then ' IMMUTABLE' when 's' then ' STABLE' else '' end
                                            || case when r.proisstrict then ' STRICT' else '' end end
                                || case when r.prokind = 'p' or r.proretset or r.prorettype = 'void'::regtype
                                             or r.prorettype = 'event_trigger'::regtype or r.proargmodes && array['o', 'b', 't']::"char"[]
                                        then ' AS ''begin return; end''' else ' AS ''begin return null; end''' end end end
      from routine as r
     where r.prokind in ('f', 'p')
       and not exists (select from base as b where r.oid in (b.typinput, b.typoutput, b.typmodin, b.typmodout))
    union all
    select r.extname, 7, r.oid,
           format('CREATE FUNCTION %%s(%%s) RETURNS %%s LANGUAGE plpgsql AS ''begin return null; end''',
                  r.pronamespace::regnamespace || '.' || quote_ident('step ' || r.oid),
                  concat_ws(', ', format_type(r.prorettype, null), nullif(oidvectortypes(r.proargtypes), '')),
                  format_type(r.prorettype, null))
      from routine as r
      join pg_aggregate as g on g.aggfnoid = r.oid
     where g.aggkind = 'n' and not r.only_c
    union all
    select r.extname, 8, r.oid,
           format('CREATE AGGREGATE %%s(%%s) (SFUNC = %%s, STYPE = %%s)', r.name,
                  coalesce(nullif(pg_get_function_identity_arguments(r.oid), ''), '*'),
                  r.pronamespace::regnamespace || '.' || quote_ident('step ' || r.oid),
                  format_type(r.prorettype, null))
      from routine as r
      join pg_aggregate as g on g.aggfnoid = r.oid
     where g.aggkind = 'n' and not r.only_c
    union all
    select m.extname, 9, o.oid,
           'CREATE OPERATOR ' || quote_ident(n.nspname) || '.' || o.oprname || ' (FUNCTION = ' || o.oprcode::regproc
               || case when o.oprleft <> 0 then ', LEFTARG = ' || format_type(o.oprleft, null) else '' end
               || case when o.oprright <> 0 then ', RIGHTARG = ' || format_type(o.oprright, null) else '' end
               || case when o.oprcanhash then ', HASHES' else '' end || case when o.oprcanmerge then ', MERGES' else '' end
               || case when o.oprrest <> 0 and o.oprrest < 16384 then ', RESTRICT = ' || o.oprrest::regproc else '' end
               || case when o.oprjoin <> 0 and o.oprjoin < 16384 then ', JOIN = ' || o.oprjoin::regproc else '' end || ')'
      from member as m
      join pg_operator as o on m.classid = 'pg_operator'::regclass and o.oid = m.objid
      join pg_namespace as n on n.oid = o.oprnamespace
    union all
    select m.extname, 10, c.oid,
           'CREATE CAST (' || format_type(c.castsource, null) || ' AS ' || format_type(c.casttarget, null) || ') '
               || case c.castmethod when 'f' then 'WITH FUNCTION ' || c.castfunc::regprocedure when 'i' then 'WITH INOUT'
                       else 'WITHOUT FUNCTION' end
               || case c.castcontext when 'i' then ' AS IMPLICIT' when 'a' then ' AS ASSIGNMENT' else '' end
      from member as m
      join pg_cast as c on m.classid = 'pg_cast'::regclass and c.oid = m.objid
    union all
    select m.extname, 11, k.oid,
           'CREATE OPERATOR CLASS ' || quote_ident(n.nspname) || '.' || quote_ident(k.opcname)
               || case when k.opcdefault then ' DEFAULT' else '' end || ' FOR TYPE ' || format_type(k.opcintype, null)
               || ' USING ' || quote_ident(a.amname) || ' AS ' || concat_ws(', ',
                   (select string_agg('OPERATOR ' || w.amopstrategy || ' ' || w.amopopr::regoperator
                                          || case when w.amopsortfamily <> 0 then ' FOR ORDER BY ' || (
                                                 select quote_ident(fn.nspname) || '.' || quote_ident(f.opfname)
                                                   from pg_opfamily as f join pg_namespace as fn on fn.oid = f.opfnamespace
                                                  where f.oid = w.amopsortfamily) else '' end, ', ')
                      from pg_amop as w
                     where w.amopfamily = k.opcfamily and w.amoplefttype = k.opcintype and w.amoprighttype = k.opcintype),
                   (select string_agg('FUNCTION ' || s.amprocnum || ' ' || s.amproc::regprocedure, ', ')
                      from pg_amproc as s
                     where s.amprocfamily = k.opcfamily and s.amproclefttype = k.opcintype and s.amprocrighttype = k.opcintype
                       -- What sets options or speeds up sorting would be called for an empty index, too.
                       and not (a.amname = 'gist' and s.amprocnum > 9) and not (a.amname = 'btree' and s.amprocnum > 1)),
                   case when k.opckeytype <> 0 and a.amname <> 'btree' then 'STORAGE ' || format_type(k.opckeytype, null) end)
      from member as m
      join pg_opclass as k on m.classid = 'pg_opclass'::regclass and k.oid = m.objid
      join pg_am as a on a.oid = k.opcmethod
      join pg_namespace as n on n.oid = k.opcnamespace
     where a.oid < 16384
    union all
    select m.extname, 12, w.oid, 'CREATE FOREIGN DATA WRAPPER ' || quote_ident(w.fdwname)
      from member as m
      join pg_foreign_data_wrapper as w on m.classid = 'pg_foreign_data_wrapper'::regclass and w.oid = m.objid
    union all
    select m.extname, 13, c.oid,
           case c.relkind when 'S' then 'CREATE SEQUENCE ' || c.oid::regclass
                when 'v' then 'CREATE VIEW ' || c.oid::regclass || ' AS ' || pg_get_viewdef(c.oid)
                else 'CREATE TABLE ' || c.oid::regclass || ' (' || coalesce((
                    select string_agg(quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod)
                                          || case when a.attnotnull then ' NOT NULL' else '' end, ', ' order by a.attnum)
                      from pg_attribute as a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
                ), '') || ')' end
      from member as m
      join pg_class as c on m.classid = 'pg_class'::regclass and c.oid = m.objid
     where c.relkind in ('r', 'p', 'S', 'v')
    union all
    select m.extname, 14, k.oid,
           'ALTER TABLE ' || k.conrelid::regclass || ' ADD CONSTRAINT ' || quote_ident(k.conname) || ' ' || pg_get_constraintdef(k.oid)
      from member as m
      join pg_constraint as k on m.classid = 'pg_class'::regclass and k.conrelid = m.objid
     where k.contype in ('p', 'u')
)
select extname, sql from made order by extname, place, oid
