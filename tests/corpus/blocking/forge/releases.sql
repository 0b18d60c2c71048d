-- What a forge's releases do, in the manner of GitLab's and Gitea's migrations.
--! partition attached with a key below and above
insert into pipelines values (11, 101, 1, 'x', 'y');
create table dynamic.pipelines_102 partition of pipelines for values in (102);
insert into pipelines values (11, 102), (12, 102), (13, 102);
alter table builds attach partition builds_102 for values in (102);
--! partition made with keys to others and of others
create table dynamic.builds_103 partition of builds for values in (103);
--! partition of what is referred to
create table dynamic.pipelines_103 partition of pipelines for values in (103);
--! partition that is referred to detached
delete from build_needs;
alter table builds detach partition dynamic.builds_101;
--! partition detached beside users, with keys [outside]
alter table deleted_records detach partition static.deleted_records_1 concurrently;
--! default partition split by a new one
with moved as (delete from audit_default where created >= '2027-01-01' and created < '2028-01-01' returning *) select count(*) from moved;
create table dynamic.audit_2027 partition of audit_events for values from ('2027-01-01') to ('2028-01-01');
--! partitions by a loop over months
do $$
declare m date := '2025-04-01';
begin
  while m < '2025-07-01' loop
    execute format('create table dynamic.%I partition of web_hook_logs_new for values from (%L) to (%L)', 'whl_' || to_char(m + interval '1 year', 'YYYYMM'), m + interval '1 year', m + interval '1 year 1 month');
    m := m + interval '1 month';
  end loop;
end $$;
--! index of partitions one by one
create index builds_name on only builds (name);
create index builds_100_name on dynamic.builds_100 (name);
create index builds_101_name on dynamic.builds_101 (name);
alter index builds_name attach partition dynamic.builds_100_name;
alter index builds_name attach partition dynamic.builds_101_name;
--! column of all partitions with a check that is not valid
alter table pipelines add column started_at timestamptz, add constraint check_ref check (char_length(ref) <= 255) not valid;
--! loose key's trigger taken away and put
drop trigger pipelines_loose on pipelines;
create trigger pipelines_loose after delete on pipelines referencing old table as old_table for each statement execute function insert_into_deleted();
--! rows deleted beside a loose key
delete from pipelines where id = 20 and partition_id = 101;
--! all rows of one partition deleted beside a loose key
delete from dynamic.pipelines_100 where project_id = 3;
--! partitioned table renamed, old name a view
alter table audit_events rename to p_audit_events;
create view audit_events as select * from p_audit_events;
--! table replaced by its partitioned copy
drop trigger sync on web_hook_logs_old;
alter table web_hook_logs_old rename to web_hook_logs_archived;
alter table web_hook_logs_new rename to web_hook_logs_old;
alter sequence web_hook_logs_old_id_seq owned by web_hook_logs_old.id;
--! table backfilled by the copying trigger
update web_hook_logs_old set body = 'x' where id between 1 and 2;
--! rows deleted by the copying trigger
delete from web_hook_logs_old where created < '2025-06-01';
--! key that is not valid on each partition
alter table dynamic.builds_100 add constraint fk_needs foreign key (id) references issues (id) not valid;
alter table dynamic.builds_101 add constraint fk_needs foreign key (id) references issues (id) not valid;
--! key to partitions from a plain table, not valid
alter table notes add column pipeline_id bigint, add column pid bigint;
alter table notes add constraint fk_notes_pipeline foreign key (pipeline_id, pid) references pipelines (id, partition_id) on delete cascade not valid;
--! key to partitions dropped
alter table build_needs drop constraint build_needs_build_id_partition_id_fkey;
--! namespaces renamed with their copies
update namespaces set path = path || '-old' where type = 'User' and parent_id is null;
--! rows put in order over a unique pair
alter table issues add constraint issues_pair unique (project_id, iid) deferrable initially immediate;
set constraints issues_pair deferred;
update issues set iid = iid + 1;
--! owned things dropped
drop owned by forge_leaver;
--! owned things given to another
reassign owned by forge_leaver to forge_app;
--! exclusion by a new column
alter table environments add column lane int default 0;
alter table environments drop constraint environments_project_id_during_excl, add constraint apart exclude using gist (project_id with =, lane with =, during with &&);
--! column dropped that a function of the standard reads
alter table projects drop column name cascade;
--! delete through a rule of a view
delete from old_pipelines where id = 4;
--! index of partitions beside users, one by one [each]
create index concurrently on dynamic.builds_100 (name);
create index concurrently on dynamic.builds_101 (name);
create index builds_name on builds (name);
--! schema of partitions dropped
drop schema dynamic cascade;
--! partitions detached by a loop over the catalogue
do $$
declare r record;
begin
  for r in select inhrelid::regclass as p from pg_inherits where inhparent = 'audit_events'::regclass loop
    execute format('alter table audit_events detach partition %s', r.p);
    execute format('alter table %s add column detached_at date', r.p);
  end loop;
end $$;
--! project deleted with all
delete from projects where id = 2;
--! statement of a body of the standard that adds a child
select file_issue(5);
--! delete with a trigger whose dynamic SQL is written out
delete from leaver_things where id = 2;
--! lock what a trigger writes by dynamic SQL that is written out
lock table archived in share mode;
--! tables named by rows
do $$ declare r record; begin
  for r in select table_name from batched where id = 1 loop
    execute format('alter table %I add column picked int', r.table_name);
  end loop;
end $$;
--! update through a rule of a view that sets off another
create rule old_pipelines_update as on update to old_pipelines do instead update projects set name = new.ref where id = old.id;
create rule projects_more as on update to projects do also delete from issues where project_id = new.id and state = 9;
update old_pipelines set ref = 'x' where id = 1;
--! rule under a condition
create rule gone_links as on update to work_item_types where new.name = 'gone' do also delete from issues where id = new.id;
update work_item_types set name = 'gone' where id = 1;
--! parent locked, and a view of its children without the key
lock table projects in exclusive mode;
--! lock an heir of a table that others refer to
lock table export_jobs in access exclusive mode;
