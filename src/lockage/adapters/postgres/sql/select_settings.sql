-- Settings that decide an upgrade, as PostgreSQL prints them. Needs no privilege; cheap.
-- The limits of our own session hide those that the application's sessions begin with: reset_val has them, in milliseconds.
select name,
       case when name not in ('lock_timeout', 'statement_timeout', 'idle_in_transaction_session_timeout') then current_setting(name)
            when reset_val = '0' then '0'
            else reset_val || 'ms'
       end as value
  from pg_settings
 where name = any(%(names)s)
 order by name
