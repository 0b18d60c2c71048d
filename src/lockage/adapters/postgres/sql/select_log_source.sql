-- Where the server writes its log: a file of its collector, or its standard error.
-- Needs pg_monitor or a superuser for the file's name; cheap.
select coalesce(pg_current_logfile('stderr'), pg_current_logfile('csvlog'), pg_current_logfile('jsonlog')) as file,
       current_setting('logging_collector')::boolean as collected,
       current_setting('log_destination') as destination
