begin;
alter table barges add column moored_at timestamptz;
select pg_sleep(1);
alter table quays add column berths int not null default 1;
do $$ declare mark text := ''; enough timestamptz := clock_timestamp() + interval '8 s';
begin while clock_timestamp() < enough loop mark := md5(mark); end loop; end $$;
commit;
