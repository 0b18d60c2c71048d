-- What a forge has: builds in partitions with keys between them, loose keys, copies kept by triggers, rules, bodies of the standard.
create schema dynamic;
create schema static;
create role forge_app;
create role forge_leaver;
create extension if not exists btree_gist;
create table namespaces (id bigserial primary key, parent_id bigint references namespaces (id) on delete cascade, path varchar not null, type text not null default 'User', traversal bigint[] not null default '{}');
create table projects (id bigserial primary key, namespace_id bigint not null references namespaces (id), name varchar, star_count int not null default 0, visibility int not null default 0, shared_runners boolean default true);
create index projects_namespace on projects (namespace_id);
create table project_settings (project_id bigint primary key references projects (id) on delete cascade, squash smallint default 3, flag boolean default false not null);
create table namespace_details (namespace_id bigint primary key references namespaces (id) on delete cascade, note text);
create function namespaces_details_sync() returns trigger language plpgsql as $$
begin
  insert into namespace_details (namespace_id, note) values (new.id, new.path) on conflict (namespace_id) do update set note = new.path;
  return null;
end $$;
create trigger namespaces_sync after insert or update of path on namespaces for each row execute function namespaces_details_sync();
create table deleted_records (id bigserial, partition bigint not null, table_name text not null, key bigint not null, status smallint not null default 1, primary key (partition, id)) partition by list (partition);
create table static.deleted_records_1 partition of deleted_records for values in (1);
create function insert_into_deleted() returns trigger language plpgsql as $$
begin
  insert into deleted_records (partition, table_name, key) select 1, tg_table_name, old_table.id from old_table;
  return null;
end $$;
create table pipelines (id bigint not null, partition_id bigint not null, project_id bigint, ref text, status text, primary key (id, partition_id)) partition by list (partition_id);
create table dynamic.pipelines_100 partition of pipelines for values in (100);
create table dynamic.pipelines_101 partition of pipelines for values in (101);
create trigger pipelines_loose after delete on pipelines referencing old table as old_table for each statement execute function insert_into_deleted();
create table builds (id bigint not null, partition_id bigint not null, pipeline_id bigint not null, name text, status text, primary key (id, partition_id)) partition by list (partition_id);
create table dynamic.builds_100 partition of builds for values in (100);
create table dynamic.builds_101 partition of builds for values in (101);
alter table builds add constraint fk_pipeline foreign key (pipeline_id, partition_id) references pipelines (id, partition_id) on update cascade on delete cascade;
create index builds_status on builds (status);
create table builds_102 (like builds including all);
alter table builds_102 add constraint builds_102_check check (partition_id = 102);
create table build_needs (id bigserial primary key, build_id bigint not null, partition_id bigint not null, name text, foreign key (build_id, partition_id) references builds (id, partition_id) on delete cascade);
create table runners (id bigserial, runner_type smallint not null, token text, name text, primary key (id, runner_type)) partition by list (runner_type);
create table instance_runners partition of runners for values in (1);
create table group_runners partition of runners for values in (2) partition by hash (id);
create table group_runners_0 partition of group_runners for values with (modulus 2, remainder 0);
create table group_runners_1 partition of group_runners for values with (modulus 2, remainder 1);
create table audit_events (id bigint not null, created date not null, author_id bigint, details text, primary key (id, created)) partition by range (created);
create table dynamic.audit_events_000 partition of audit_events for values from (minvalue) to ('2025-01-01');
create table dynamic.audit_events_202501 partition of audit_events for values from ('2025-01-01') to ('2025-02-01');
create table audit_default partition of audit_events default;
create table web_hook_logs_old (id bigserial primary key, hook_id bigint, created date not null, body text);
create table web_hook_logs_new (id bigint not null, hook_id bigint, created date not null, body text, primary key (id, created)) partition by range (created);
create table dynamic.whl_2025 partition of web_hook_logs_new for values from ('2025-01-01') to ('2026-01-01');
create function table_sync() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' then
    delete from web_hook_logs_new where id = old.id;
  elsif tg_op = 'UPDATE' then
    update web_hook_logs_new set hook_id = new.hook_id, body = new.body where id = new.id;
  else
    insert into web_hook_logs_new values (new.id, new.hook_id, new.created, new.body);
  end if;
  return null;
end $$;
create trigger sync after insert or update or delete on web_hook_logs_old for each row execute function table_sync();
create table issues (id bigserial primary key, project_id bigint references projects (id) on delete cascade, iid int, title varchar, state smallint not null default 1, closed_by bigint, description text, title_html text, constraint check_title check (char_length(title) <= 255) not valid);
create table issue_links (id bigserial primary key, source_id bigint not null references issues (id) on delete cascade, target_id bigint not null references issues (id) on delete cascade, kind smallint);
create table work_item_types (id bigint primary key, name text, base smallint not null default 0, old_id bigint);
create table notes (id bigserial primary key, noteable_type text, noteable_id bigint, note text, project_id bigint, namespace_id bigint);
create function notes_key() returns trigger language plpgsql as $$
begin
  if new.namespace_id is null then
    select namespace_id into new.namespace_id from projects where projects.id = new.project_id;
  end if;
  return new;
end $$;
create trigger notes_key before insert or update on notes for each row execute function notes_key();
create table environments (id bigserial primary key, project_id bigint not null, during daterange, tier smallint, exclude using gist (project_id with =, during with &&));
create table migration_jobs (id bigserial primary key, batch_id bigint, status smallint not null default 0, min_value bigint, max_value bigint);
create table batched (id bigserial primary key, table_name text, status smallint not null default 0);
alter table migration_jobs add foreign key (batch_id) references batched (id) on delete cascade;
create view old_pipelines as select id, partition_id, ref from pipelines;
create rule old_pipelines_delete as on delete to old_pipelines do instead delete from pipelines where id = old.id;
create function project_paths() returns setof text language sql stable begin atomic select name from projects; end;
create function file_issue(which bigint) returns void language sql begin atomic insert into issues (project_id, title) values (which, 'x'); end;
create table base_jobs (id int primary key, v text);
create table export_jobs (n int) inherits (base_jobs);
create table job_logs (id int primary key, job_id int references base_jobs (id));
create publication forge_feed for table projects, pipelines with (publish_via_partition_root = true);
alter default privileges for role forge_leaver grant select on tables to forge_app;
create policy nobody on notes to forge_leaver using (false);
create table archived (id bigint primary key, note text);
create function keep_old() returns trigger language plpgsql as $$
begin
  execute format('insert into %I.%I (id, note) values ($1, $2)', 'public', 'archived') using old.id, old.v;
  return old;
end $$;
create table leaver_things (id int primary key, v text);
create trigger keep_old before delete on leaver_things for each row execute function keep_old();
alter table leaver_things owner to forge_leaver;
grant select on issues, notes to forge_leaver;
create view leaver_view as select id, title from issues;
grant update, insert, delete on issues to forge_leaver;
alter view leaver_view owner to forge_leaver;

insert into namespaces (path, parent_id) select 'n' || i, case when i > 3 then 1 end from generate_series(1, 5) i;
insert into projects (namespace_id, name) select i % 3 + 1, 'p' || i from generate_series(1, 5) i;
insert into project_settings (project_id) select i from generate_series(1, 4) i;
insert into pipelines select i, 100 + i % 2, i % 3 + 1, 'main', 'ok' from generate_series(1, 6) i;
insert into builds select i, 100 + i % 2, i, 'b', 'ok' from generate_series(1, 6) i;
insert into builds_102 select i, 102, i, 'b', 'ok' from generate_series(11, 13) i;
insert into pipelines values (20, 101, 1, 'x', 'ok');
insert into build_needs (build_id, partition_id, name) select i, 100 + i % 2, 'n' from generate_series(1, 4) i;
insert into runners (runner_type, name) select i % 2 + 1, 'r' from generate_series(1, 8) i;
insert into audit_events select i, date '2024-12-20' + i * 5, i, 'd' from generate_series(1, 8) i;
insert into audit_events values (100, '2027-01-01', 1, 'late');
insert into deleted_records (partition, table_name, key) select 1, 't', i from generate_series(1, 3) i;
insert into web_hook_logs_old (hook_id, created) select i, '2025-05-05' from generate_series(1, 4) i;
insert into issues (project_id, iid, title) select i % 4 + 1, i, 't' || i from generate_series(1, 6) i;
insert into issue_links (source_id, target_id) select i, i + 1 from generate_series(1, 3) i;
insert into work_item_types select i, 'w' || i from generate_series(1, 4) i;
insert into notes (noteable_type, noteable_id, note, project_id) select 'Issue', i, 'n', i % 3 + 1 from generate_series(1, 4) i;
insert into environments (project_id, during) select i, '[2025-01-01,2025-02-01)' from generate_series(1, 4) i;
insert into batched (table_name) select (array['issues', 'notes', 'pipelines_100'])[i] from generate_series(1, 3) i;
insert into migration_jobs (batch_id) select i % 3 + 1 from generate_series(1, 4) i;
insert into leaver_things select i, 'v' from generate_series(1, 3) i;
insert into archived select i, 'a' from generate_series(101, 103) i;
insert into base_jobs select i, 'v' from generate_series(1, 3) i;
insert into export_jobs select i, 'v' from generate_series(11, 13) i;
insert into job_logs select i, i from generate_series(1, 3) i;
analyze;
