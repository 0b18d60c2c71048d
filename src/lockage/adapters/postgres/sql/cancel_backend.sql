-- Cancels the statement of exactly one backend: a pid alone may belong to another session by now. Needs to be the same role, a
-- member of it or of pg_signal_backend; a superuser's backend needs a superuser.
select pg_cancel_backend(pid) as sent
  from pg_stat_activity
 where pid = %(pid)s
   and backend_start = %(backend_start)s
