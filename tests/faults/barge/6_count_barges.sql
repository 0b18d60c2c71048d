begin;
alter table barges add column moored_at timestamptz;
alter table quays add column berths int not null default 1;
insert into tolls (barge_id, cents) select 1 + i % 500, 1 from generate_series(1, 1000000) i;
commit;
