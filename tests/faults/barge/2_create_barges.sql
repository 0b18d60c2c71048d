create table barges (id int primary key, quay_id int references quays, draught_m numeric not null);
