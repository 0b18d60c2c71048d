-- Sets the limits of one session of ours. Needs no privilege; costs one round trip.
-- Not in the start-up packet ("options"), which poolers such as PgBouncer refuse.
select set_config('lock_timeout', %(lock_timeout)s, false),
       set_config('statement_timeout', %(statement_timeout)s, false),
       set_config('idle_in_transaction_session_timeout', %(idle_timeout)s, false),
       set_config('default_transaction_read_only', %(read_only)s, false),
       -- Of the database or the role, and not in every major: they would end us while pg_dump works.
       (select count(set_config(name, '0', false)) from pg_settings where name in ('idle_session_timeout', 'transaction_timeout'))
