-- Takes Lockage's own advisory lock for as long as the session lives, without waiting. Needs no privilege.
-- The keepalives let the server notice within half a minute that our machine has died, and free the fence.
select set_config('tcp_keepalives_idle', '10', false),
       set_config('tcp_keepalives_interval', '5', false),
       set_config('tcp_keepalives_count', '3', false),
       pg_try_advisory_lock(%(key)s) as held
