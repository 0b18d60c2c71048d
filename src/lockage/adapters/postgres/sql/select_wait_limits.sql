-- How long sessions like this one wait for a lock, and for a statement, unless they say otherwise, in milliseconds; 0: for ever.
-- Not what this one has set for itself meanwhile. Privilege: none. Cost: under 1 ms.
select name, reset_val
  from pg_catalog.pg_settings
 where name in ('lock_timeout', 'statement_timeout')
