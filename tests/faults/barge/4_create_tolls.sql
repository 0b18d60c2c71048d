create table tolls (id bigint generated always as identity primary key, barge_id int references barges, cents int not null);
create index barges_quay on barges (quay_id);
create index tolls_barge on tolls (barge_id);
