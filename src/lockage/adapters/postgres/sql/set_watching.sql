-- Makes a session of ours fit for looking again and again. Needs no privilege; costs one round trip.
-- jit: the views over pg_locks have wrong row estimates, and compiling a query would cost fifty times its run.
-- idle_session_timeout, from PostgreSQL 14 on: a fence that the server closes for being idle is no fence.
select set_config('jit', 'off', false),
       (select set_config(name, '0', false) from pg_settings where name = 'idle_session_timeout')
