create table quays (id int primary key, name text not null);
