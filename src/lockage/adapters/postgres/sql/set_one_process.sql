-- Keeps what is timed from other processes and from compiling, so that one processor's time is seen: for the session, or for its
-- transaction alone. Privilege: none. Cost: one round trip.
select set_config('max_parallel_workers_per_gather', '0', %(local)s), set_config('jit', 'off', %(local)s)
