-- Partitions and heirs.
--! create a partition
create table readings_4 partition of readings for values from (30) to (40);
--! create a partition beside a default one
create table visits_es partition of visits for values in ('es');
--! create a default partition
create table readings_rest partition of readings default;
--! create a partition of a partition
create table deep_1_2 partition of deep_1 for values from (100) to (200);
--! attach a partition
alter table readings attach partition readings_3 for values from (20) to (30);
--! attach a new partition
create table visits_es (like visits including all);
alter table visits attach partition visits_es for values in ('es');
--! attach behind a check
alter table readings_3 add constraint in_range check (day >= 20 and day < 30);
alter table readings attach partition readings_3 for values from (20) to (30);
--! detach a partition
alter table readings detach partition readings_1;
--! detach a partition beside a default one
alter table visits detach partition visits_de;
--! detach a partition concurrently [outside]
alter table readings detach partition readings_2 concurrently;
--! drop a partition
drop table readings_1;
--! drop a partition beside a default one
drop table visits_de;
--! truncate a partition
truncate visits_de;
--! truncate a partitioned table
truncate visits;
--! drop a partitioned table
drop table readings;
--! alter one partition
alter table visits_de add constraint c check (id > 0);
--! default of a partition's column
alter table visits_de alter column page set default 'x';
--! rename a partitioned table
alter table visits rename to views_of_pages;
--! rename a partition
alter table visits_de rename to visits_germany;
--! trigger on a partitioned table
create trigger t before update on visits for each row execute function write_journal();
--! type of a partitioned table's column
alter table visits alter column page type varchar(100);
--! not null on a partitioned table
alter table visits alter column page set not null;
--! update of a partitioned table
update visits set page = 'q';
--! update of one partition by its key
update visits set page = 'q' where land = 'de';
--! update that moves rows to another partition
update visits set land = 'fr' where land = 'de';
--! delete from a partition
delete from visits_fr;
--! insert into a partitioned table
insert into visits values (500, 'de', 'x');
--! insert with a reference from a partition
insert into readings values (500, 3, 'k', 2);
--! update of a parent and its heirs
update creatures set name = 'x';
--! update of a parent alone
update only creatures set name = 'x';
--! create an heir
create table ants (legs int) inherits (creatures);
--! drop an heir
drop table fish;
--! lock a partitioned table
lock table visits in share mode;
--! lock only the root
lock table only visits in access exclusive mode;
