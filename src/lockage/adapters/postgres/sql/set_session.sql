-- Sets the limits of one session of ours. Needs no privilege; costs one round trip.
-- Not in the start-up packet ("options"), which poolers such as PgBouncer refuse.
select set_config('lock_timeout', %(lock_timeout)s, false),
       set_config('statement_timeout', %(statement_timeout)s, false),
       set_config('idle_in_transaction_session_timeout', %(idle_timeout)s, false),
       set_config('default_transaction_read_only', %(read_only)s, false)
