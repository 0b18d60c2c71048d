--! column read only where rows are deleted
create or replace function log_account() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' then insert into audit_log (what, old_name) values ('delete', old.name); return old; end if;
    return new;
end $$;
alter table audit_log rename column old_name to former_name;
--? breaks
delete from accounts where id = 21
--? holds
insert into accounts (name, slug) values ('New', 'new-one')
--? holds
update accounts set name = 'b' where id = 3

--! a not null that a trigger fills
alter table tickets add column number text;
update tickets set number = id::text;
create function number_ticket() returns trigger language plpgsql as $$ begin new.number := coalesce(new.number, new.id::text); return new; end $$;
create trigger number_ticket before insert on tickets for each row execute function number_ticket();
alter table tickets alter column number set not null;
--? holds
insert into tickets (subject, priority) values ('s', 2) returning id
--? holds
insert into tickets (subject) select subject from tickets where id = 4

--! unique index replaced by its like
create unique index concurrently_made on "User" ("email");
drop index "User_email_key";
alter index concurrently_made rename to "User_email_unique";
--? holds
INSERT INTO "public"."User" ("email", "displayName") VALUES ('u1@example.org', 'One') ON CONFLICT ("email") DO UPDATE SET "displayName" = 'One' RETURNING "public"."User"."id"
--? holds
select "id" from "User" where "email" = 'u2@example.org'

--! partial key replaced by a wider one
create unique index accounts_slug_all on accounts (slug);
drop index accounts_slug;
--? holds
insert into accounts (name, slug) values ('A', 'account-1') on conflict (slug) where deleted_at is null do update set name = excluded.name
--? holds by value
insert into accounts (name, slug) values ('A', 'account-zz')

--! rename behind an updatable view
alter table tags rename to labels;
create view tags as select * from labels;
--? holds
insert into tags (name) values ('x') returning id
--? holds
update tags set name = 'y' where id = 3
--? holds
select * from tags where id = 3
--? holds
insert into tags (id, name) values (3, 'z') on conflict (id) do update set name = excluded.name
--? holds
delete from tags where id = 999

--! table becomes partitioned under its name
alter table outbox rename to outbox_1;
create table outbox (id bigint not null, topic text not null, payload jsonb not null default '{}', sent_at timestamptz) partition by range (id);
alter table outbox alter column id set default nextval('outbox_id_seq');
alter table outbox attach partition outbox_1 for values from (minvalue) to (maxvalue);
--? holds
insert into outbox (topic, payload) values ('mail', '{"x": 2}') returning id
--? holds
select id, topic, payload from outbox where sent_at is null order by id limit 100 for update skip locked
--? holds
update outbox set sent_at = now() where id = 4
--? holds
delete from outbox where sent_at < now() - interval '30 days'
--? holds direct
copy outbox (topic, payload) from stdin
--? holds direct
truncate outbox

--! trigger switched off
create function forbid() returns trigger language plpgsql as $$ begin raise exception 'no'; end $$;
create trigger forbid before insert on tags for each row execute function forbid();
alter table tags disable trigger forbid;
--? holds
insert into tags (name) values ('t')

--! key on what the database makes up
alter table bookings add constraint bookings_external unique (id, room_id);
--? holds
insert into bookings (room_id, during) values (2, '[2027-01-02, 2027-01-03)')
--? holds
update bookings set cancelled = true where room_id = 3

--! materialised view made anew with its key
drop materialized view revenue;
create materialized view revenue as select account_id, sum(amount) as total, count(*) as invoices from invoices group by account_id;
create unique index revenue_by_account on revenue (account_id);
--? holds direct
refresh materialized view concurrently revenue
--? holds
select total from revenue where account_id = 5

--! view made by a table
drop materialized view revenue;
create table revenue (account_id bigint primary key, total numeric);
insert into revenue select account_id, sum(amount) from invoices where account_id is not null group by 1;
--? holds
select total from revenue where account_id = 5
--? breaks direct
refresh materialized view concurrently revenue

--! a copy whose rights are forgotten [app]
create table tags_new (like tags including all);
insert into tags_new select * from tags;
alter sequence tags_id_seq owned by none;
alter table ticket_tags drop constraint ticket_tags_tag_id_fkey;
drop table tags;
alter table tags_new rename to tags;
--? breaks
select name from tags where id = 3
--? breaks
insert into tags (name) values ('x')

--! key made anew in one step
alter table ticket_tags drop constraint ticket_tags_ticket_id_fkey;
alter table tickets drop constraint tickets_pkey;
alter table tickets add constraint tickets_key primary key (id);
alter table ticket_tags add constraint tt foreign key (ticket_id) references tickets on delete cascade;
--? holds
select t.id, t.subject, count(tt.tag_id) from tickets t left join ticket_tags tt on tt.ticket_id = t.id group by t.id order by 3 desc limit 5
--? holds
delete from tickets where id = 45
--? holds
insert into tickets (id, subject) values (4, 'x') on conflict (id) do update set subject = excluded.subject
--? holds
insert into ticket_tags values (4, 4) on conflict do nothing

--! policy that lets all [app]
alter table documents enable row level security;
create policy all_rows on documents to app using (true) with check (true);
--? holds
select title from documents where id = 3
--? holds
insert into documents (title) values ('t')
--? holds
delete from documents where id = 7

--! a column dropped beside a whole copy of others
alter table documents drop column body;
alter table tags add column z text;
--? holds direct
copy rooms from stdin
--? holds direct
copy rooms to stdout
--? holds direct
copy (select id from tags) to stdout with (format csv, header)
--? breaks direct
copy tags from stdin with (format csv)
--? holds direct
copy tags (id, name, parent_id) to stdout

--! utilities on what stays
alter table outbox add column tries integer default 0;
--? holds direct
truncate outbox
--? holds direct
lock table outbox in exclusive mode
--? holds direct
analyze outbox (topic)
--? holds direct
refresh materialized view concurrently revenue
--? holds direct
create temp table mine as select * from outbox
--? holds direct
create temp table mine2 (like outbox including all)
--? holds direct
create table measurements_2030 partition of measurements for values from ('2030-01-01') to ('2031-01-01')

--! merge that fits
alter table rooms add column floor integer default 0 not null;
alter table rooms add constraint floor_ok check (floor between -3 and 100);
--? holds
merge into rooms r using (values (1, 'a'), (99, 'b')) as v (id, label) on v.id = r.id when matched then update set label = v.label when not matched then insert (id, label) values (v.id, v.label)

--! unique key on what nobody writes
alter table documents add column path text;
create unique index documents_path on documents (path) where path is not null;
create unique index documents_both on documents (owner_id, id);
--? holds
insert into documents (title, owner_id) values ('t', 3)
--? holds
update documents set owner_id = 4 where id = 3

--! exclusion of others
alter table bookings add constraint once exclude using gist (room_id with =, during with &&) where (cancelled and by_whom = 'robot');
--? holds by value
update bookings set by_whom = null where room_id = 2
--? holds by value
insert into bookings (room_id, during) values (2, '[2028-01-02, 2028-01-03)')
