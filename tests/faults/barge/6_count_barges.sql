begin;
alter table barges add column moored_at timestamptz;
alter table quays add column berths int not null default 1;
commit;
