begin;
alter table barges add column moored_at timestamptz;
select pg_sleep(1);
alter table quays add column berths int not null default 1;
do $$ declare mark text := ''; begin for i in 1..8000000 loop mark := md5(mark); end loop; end $$;
commit;
