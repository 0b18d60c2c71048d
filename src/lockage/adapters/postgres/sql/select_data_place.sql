-- Where the server's files are, and what tells that server from another: its port and its start. Needs pg_read_all_settings,
-- or a superuser, for the directory (NULL without); costs nothing.
select (select setting from pg_settings where name = 'data_directory') as data_directory,
       current_setting('port')::int as port,
       extract(epoch from pg_postmaster_start_time())::float8 as started_s
