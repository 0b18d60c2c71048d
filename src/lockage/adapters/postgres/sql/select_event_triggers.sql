-- Event triggers that may fire, with the routine that each calls. Privilege: none. Cost: under 1 ms.
select e.evtname::text, p.proname::text, e.evtevent::text
  from pg_catalog.pg_event_trigger as e
  join pg_catalog.pg_proc as p on p.oid = e.evtfoid
 where e.evtenabled <> 'D'
 order by 1
