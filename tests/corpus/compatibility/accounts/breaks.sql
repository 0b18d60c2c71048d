--! audit table renames what the trigger writes
alter table audit_log rename column old_name to former_name;
--? breaks
insert into accounts (name, slug) values ('New', 'new-one') returning id
--? breaks
UPDATE "accounts" SET "seats" = 7 WHERE "accounts"."id" = 3
--? breaks
delete from accounts where id = 21
--? holds
select id, name from accounts where id = 3

--! audit table may not be written by the application [app]
create table account_history (account_id bigint, seats integer);
create function remember() returns trigger language plpgsql as
    $$ begin insert into account_history values (new.id, new.seats); return new; end $$;
create trigger remember before update on accounts for each row execute function remember();
--? breaks
update accounts set seats = 5 where id = 2
--? holds
insert into accounts (name, slug) values ('P', 'p-1')

--! a new serial whose sequence nobody may use [app]
alter table rooms add column sort_order serial;
--? breaks
insert into rooms (id, label) values (77, 'R')
--? holds
select label from rooms where id = 3

--! an overload makes calls ambiguous
create function fee(bigint) returns numeric language sql stable as $$ select $1 * 0.1 $$;
--? breaks by value
select fee('5')
--? holds
select fee(seats) from accounts where id = 5

--! a column that a function with rows of the table does not give
alter table invoices add column vat numeric(12, 2) default 0;
--? breaks
select number, amount from unpaid(4)
--? breaks
insert into invoices_archive select * from invoices where paid and due < '2026-02-01'
--? breaks
select * from invoices union all select * from invoices_archive
--? breaks direct
copy invoices from stdin
--? holds
select i.number, invoice_label(i) from invoices i where i.id = 5
--? holds
insert into invoices_archive (id, number) select id, number from invoices where id = 12

--! plpgsql variable becomes ambiguous
alter table accounts add column used integer;
--? breaks
select seats_left(2)
--? holds
select seats from accounts where id = 2

--! trigger copies whole rows into a narrower table
create table tags_copy (like tags);
create function copy_tag() returns trigger language plpgsql as
    $$ begin insert into tags_copy values (new.*); return new; end $$;
create trigger copy_tag after insert on tags for each row execute function copy_tag();
alter table tags add column color text;
--? breaks
insert into tags (name) values ('t') returning id
--? holds
update tags set name = 'u' where id = 2

--! the predicate of a partial key changes
drop index accounts_slug;
create unique index accounts_slug on accounts (slug) where active = 1;
--? breaks
insert into accounts (name, slug) values ('A', 'account-1') on conflict (slug) where deleted_at is null do update set name = excluded.name
--? holds by value
insert into accounts (name, slug) values ('A', 'account-z')

--! a key over an expression replaces the plain one
drop index "User_email_key";
create unique index "User_email_key" on "User" (lower("email"));
--? breaks
INSERT INTO "public"."User" ("email", "displayName") VALUES ('u1@example.org', 'One') ON CONFLICT ("email") DO UPDATE SET "displayName" = 'One' RETURNING "public"."User"."id"
--? holds by value
INSERT INTO "public"."User" ("email") VALUES ('x9@example.org') RETURNING "public"."User"."id"
--? breaks by value
INSERT INTO "public"."User" ("email") VALUES ('U9@example.org') RETURNING "public"."User"."id"
--? holds
UPDATE "User" SET "displayName" = 'a' WHERE "id" = 3

--! a key becomes deferrable
alter table invoices drop constraint invoices_number_key;
alter table invoices add constraint invoices_number_key unique (number) deferrable initially deferred;
--? breaks
insert into invoices (number, amount) values ('I-3', 5) on conflict (number) do nothing
--? breaks
insert into invoices (number, amount) values ('I-3', 5) on conflict on constraint invoices_number_key do nothing
--? holds
insert into invoices (number, amount) values ('I-3000', 5)

--! table becomes partitioned with a wider key
alter table outbox rename to outbox_old;
create table outbox (id bigint not null default nextval('outbox_id_seq'), topic text not null, payload jsonb not null default '{}',
    sent_at timestamptz) partition by list (topic);
create table outbox_rest partition of outbox default;
insert into outbox select * from outbox_old;
drop table outbox_old cascade;
create sequence outbox_ids;
alter table outbox alter column id set default nextval('outbox_ids');
--? breaks direct
copy outbox to stdout
--? holds
select id, topic from outbox where sent_at is null order by id limit 10 for update skip locked
--? holds
insert into outbox (topic) values ('sms') returning id

--! table becomes a view that joins
alter table tags rename to tag_rows;
create table tag_names (tag_id integer references tag_rows, name text);
insert into tag_names select id, name from tag_rows;
create view tags as select t.id, n.name, t.parent_id from tag_rows t join tag_names n on n.tag_id = t.id;
--? breaks
insert into tags (name) values ('x')
--? breaks
update tags set name = 'y' where id = 3
--? breaks
delete from tags where id = 11
--? breaks
select ctid, name from tags where id = 3
--? holds
select t.name from tags t join ticket_tags tt on tt.tag_id = t.id where tt.ticket_id = 3

--! table becomes a view and locks and samples do not work
alter table rooms rename to room_rows;
create view rooms as select distinct id, label, external_id from room_rows;
--? breaks
select id from rooms where id = 3 for update
--? breaks
select label from rooms tablesample system (50)
--? breaks
select xmin, label from rooms where id = 3
--? breaks direct
truncate rooms cascade
--? holds
select id, label from rooms where id = 3

--! updatable view with a check
alter table tickets rename to all_tickets;
create view tickets as select * from all_tickets where state <> 'closed' with check option;
--? breaks by value
update tickets set state = 'closed' where id = 4
--? holds
update tickets set priority = 1 where id = 4

--! unique index of a materialised view
drop index revenue_account;
--? breaks direct
refresh materialized view concurrently revenue
--? holds direct
refresh materialized view revenue
--? holds
select total from revenue where account_id = 5

--! utility statements lose their object
drop table ticket_tags;
drop table invoices_archive;
--? breaks direct
truncate table ticket_tags
--? breaks direct
lock table ticket_tags in share row exclusive mode
--? breaks direct
copy ticket_tags to stdout with (format csv)
--? breaks direct
create temp table my_tags as select tag_id, count(*) as n from ticket_tags group by tag_id
--? breaks direct
create temporary table t_like (like invoices_archive including defaults)
--? breaks direct
explain (costs off) select * from invoices_archive where id = 4
--? breaks direct
analyze ticket_tags

--! partitions are made by the application
alter table measurements rename to readings;
--? breaks direct
create table if not exists measurements_2027 partition of measurements for values from ('2027-01-01') to ('2028-01-01')
--? breaks direct
alter table measurements detach partition measurements_old
--? breaks
select device, avg(value) from measurements where at >= '2026-01-01' group by device
--? holds
select count(*) from measurements_new

--! rows by a setting that nobody sets [app]
alter table invoices enable row level security;
create policy by_account on invoices using (account_id = current_setting('app.account')::bigint);
--? breaks
select number from invoices where id = 4
--? breaks
insert into invoices (account_id, number, amount) values (1, 'N-1', 4)
--? holds
select name from accounts where id = 4

--! view with the rights of who asks [app]
revoke select on accounts from app;
alter view active_accounts set (security_invoker = true);
--? breaks
select name from active_accounts where id = 3

--! text becomes an enum
create type ticket_state as enum ('open', 'waiting', 'closed');
alter table tickets alter column state drop default;
alter table tickets alter column state type ticket_state using state::ticket_state;
alter table tickets alter column state set default 'open';
--? breaks
select id from tickets where state = 'open'::text
--? breaks
select id from tickets where lower(state) = 'open'
--? breaks
select id from tickets where state like 'op%' limit 3
--? breaks
update tickets set state = 'closed'::varchar where id = 4
--? breaks by value
update tickets set state = 'elsewhere' where id = 4
--? holds
select id from tickets where id = 4

--! moment becomes a day
alter table audit_log alter column happened type date;
--? breaks by value
select extract(hour from happened), count(*) from audit_log group by 1
--? holds
select date_part('minute', happened) from audit_log where id = 1
--? holds
select count(*) from audit_log where happened > now() - interval '1 day'

--! the other table of a set null forbids null
update members set invited_by = 1 where invited_by is null;
alter table members alter column invited_by set not null;
--? breaks by value
delete from "User" where "id" = 30
--? breaks
insert into members (account_id, user_id) values (1, 30)
--? holds
update members set role = 'owner' where user_id = 3

--! merge into what demands more
alter table rooms add column floor integer;
update rooms set floor = 1;
alter table rooms alter column floor set not null;
--? breaks
merge into rooms r using (values (1, 'a'), (99, 'b')) as v (id, label) on v.id = r.id when matched then update set label = v.label when not matched then insert (id, label) values (v.id, v.label)
--? holds
merge into rooms r using (values (1, 'a')) as v (id, label) on v.id = r.id when matched then update set label = v.label

--! update trigger under an upsert
create function bad() returns trigger language plpgsql as $$ begin new.nothing := 1; return new; end $$;
create trigger bad before update on tags for each row execute function bad();
--? breaks
insert into tags (id, name) values (3, 'x') on conflict (id) do update set name = excluded.name
--? breaks
insert into tags (id, name) values (3, 'x'), (4, 'y') on conflict (id) do update set name = excluded.name
--? holds
insert into tags (id, name) values (300, 'x'), (400, 'y')

--! after trigger under many rows
create function bad() returns trigger language plpgsql as $$ begin insert into nowhere values (1); return new; end $$;
create trigger bad after insert on tickets for each row execute function bad();
--? breaks
insert into tickets (id, subject) values (300, 'x'), (400, 'y')
--? breaks
insert into tickets (id, subject, assignee) select "id" + 5000, "displayName", "id" from "User" where "isAdmin" = false
--? breaks direct
copy tickets (subject, priority) from stdin with (format csv)

--! functions behind words of time
create or replace function seats_left(which bigint) returns integer language plpgsql stable as
    $$ begin return (select nothing from accounts where id = which); end $$;
--? breaks
select date_trunc('month', created_at), seats_left(id) from accounts where id = 3
--? breaks
select (created_at at time zone 'Europe/Amsterdam')::date, max(seats_left(id)) from accounts group by 1
--? holds
select date_trunc('month', created_at at time zone 'UTC'), count(*) from accounts group by 1

--! database becomes read only for new sessions
do $$ begin execute format('alter database %I set default_transaction_read_only = on', current_database()); end $$;
--? breaks
insert into tags (name) values ('q')
--? holds
select name from tags where id = 3

--! text search by a configuration that goes
create text search configuration plain_words (copy = simple);
drop text search configuration plain_words;
alter table tickets drop column search;
--? breaks
select id from tickets where search @@ plainto_tsquery('english', 'ticket')
--? breaks
UPDATE "tickets" SET "search" = to_tsvector('simple', 'a b') WHERE "tickets"."id" = 4

--! optimistic locking column dropped
alter table tickets drop column version;
--? breaks
update tickets set subject = 'x', version = 1 where id = 4 and version = 0
--? breaks
SELECT t0."id" AS c0, t0."version" FROM "tickets" AS t0 WHERE (t0."priority" > 1) ORDER BY t0."id" DESC LIMIT 20 OFFSET 40
--~ select ticket0_.id as id1_0_0_, ticket0_.version as version2_0_0_ from tickets ticket0_ where ticket0_.id=?
--? breaks
select ticket0_.id as id1_0_0_, ticket0_.version as version2_0_0_ from tickets ticket0_ where ticket0_.id in (1, 2, 3)
--~ select ticket0_.id as id1_0_0_, ticket0_.version as version2_0_0_ from tickets ticket0_ where ticket0_.id in ($1 /*, ... */)
--~ SELECT tickets.id AS tickets_id, tickets.version AS tickets_version FROM tickets WHERE tickets.id IN (__[POSTCOMPILE_id_1])
--~ SELECT tickets.version FROM tickets WHERE tickets.id = %(id_1)s
--~ SELECT "tickets"."version" FROM "tickets" WHERE "tickets"."id" = %s LIMIT 21
--~ select version from tickets where id = :id
--~ select version from tickets where id = @id

--! default goes from a column without null
alter table tickets alter column version drop default;
alter table accounts alter column plan_name drop default;
--? breaks
insert into tickets (subject, priority) values ('d', 1), ('e', 2)
--? breaks
insert into accounts (name, slug) select 'x', 'x-1'
--? breaks
insert into accounts (name) select name from accounts where id = 3
--? breaks direct
copy tickets (subject, priority) from stdin with (format csv)
--? holds
insert into tickets (subject, version) values ('d', 1)

--! temporary tables fill from what changes
alter table tags rename column name to title;
--? breaks direct
create temp table t1 as select id, name from tags where id < 5
--? breaks direct
select id, name into temp t2 from tags
--? holds direct
create temp table t3 (id integer)
--? breaks direct
with x as (select name from tags) select * from x limit 1

--! temp tables may not be made any more [app]
do $$ begin execute format('revoke temporary on database %I from public', current_database()); end $$;
--? breaks direct
create temporary table t4 (id integer) on commit drop
--? holds
select name from tags where id = 3

--! rows of a function get another column
alter table tickets add column color text;
--? holds
select * from open_tickets()
--? holds
select (open_tickets()).*
--? holds
select id from open_tickets() where id < 3
--? holds
select count(*) from (select * from tickets) s
--? holds
select t from tickets t where id = 3
--? breaks
update tickets set priority = 1 where id = 3 returning *
--? holds
select row_to_json(t) from tickets t where id = 3

--! instead of trigger dropped
drop trigger put_on_board on ticket_board;
--? breaks
insert into ticket_board (subject) values ('x')
--? holds
select subject from ticket_board where id = 3

--! a function in a check fails
create function fine(text) returns boolean language plpgsql as $$ begin return (select count(*) > 0 from no_words); end $$;
alter table documents add constraint fine check (fine(title)) not valid;
--? breaks
insert into documents (title) values ('t')
--? breaks by value
update documents set title = 'z' where id = 3
--? holds
select title from documents where id = 3

--! cascade into a child whose trigger fails
create function child_gone() returns trigger language plpgsql as $$ begin perform old.nothing; return old; end $$;
create trigger child_gone before delete on members for each row execute function child_gone();
--? breaks
delete from members where user_id = 3
--? breaks by value
delete from "User" where "id" = 29
--? holds
update members set role = 'x' where user_id = 3

--! names of a relation in values
alter table tags rename to labels;
--? breaks by value
select pg_total_relation_size('tags')
--? breaks by value
select 'tags'::regclass::oid
--? holds
select to_regclass('public.tags')
--? breaks by value
select nextval('public.tags_id_seq'), (select count(*) from tags)

--! an index over a cast
create index on tickets ((external_ref::integer));
--? breaks by value
update tickets set external_ref = 'abc' where id = 3
--? breaks by value
insert into tickets (subject, external_ref) values ('s', 'abc')
--? holds
update tickets set priority = 3 where id = 3
--? holds
insert into tickets (subject) values ('t')

--! a trigger that only looks at some rows fails
create function pick() returns trigger language plpgsql as $$ begin if new.priority > 2 then new.nothing := 1; end if; return new; end $$;
create trigger pick before insert or update on tickets for each row execute function pick();
--? breaks by value
update tickets set priority = 5 where id = 3
--? holds by value
update tickets set priority = 1 where id = 3
--? holds by value
insert into tickets (subject, priority) values ('a', 0)

--! a constraint trigger at the end
create function at_end() returns trigger language plpgsql as $$ begin perform nothing from tickets; return null; end $$;
create constraint trigger at_end after insert or update on tickets deferrable initially deferred for each row execute function at_end();
--? breaks
insert into tickets (subject) values ('x')
--? breaks
update tickets set priority = 1 where id = 3
--? holds
delete from tickets where id = 49

--! a statement trigger fails
create function each_time() returns trigger language plpgsql as $$ begin insert into nowhere values (1); return null; end $$;
create trigger each_time after update or delete on rooms for each statement execute function each_time();
--? breaks
update rooms set label = 'x' where id = 9999
--? breaks
delete from rooms where id = 9999
--? holds
insert into rooms (id, label) values (88, 'l')

--! what a trigger writes goes, below a view that does not show every row
alter table audit_log drop column old_name;
--? breaks
update active_accounts set seats = 2 where id = 3
--? breaks
update active_accounts set seats = 2 where name = 'Account 3' returning id
--? breaks
insert into active_accounts (name) values ('new')
--? holds
select name from active_accounts where id = 3

--! break a function that is called for the rows of a view
create or replace function seats_left(which bigint) returns integer language plpgsql stable as
    $$ begin return (select places from accounts where id = which); end $$;
--? breaks
select seats_left(id) from active_accounts where name like 'Account%'
--? holds
select seats from active_accounts where name like 'Account%'

--! a view gets a condition that a row without a value does not meet
create or replace view active_accounts as
    select id, name, slug, seats from accounts where deleted_at is null and slug is not null with check option;
--? breaks
insert into active_accounts (name) values ('new')
--? holds by value
insert into active_accounts (name, slug) values ('new', 'new')

--! what a trigger writes goes, behind a policy [app]
drop table outbox;
--? breaks
update letters set body = 'x' where id = 2
--? holds
select body from letters where id = 2

--! a trigger that fails below a view, where a key that it does not show is there
create function each_invoice() returns trigger language plpgsql as $$ begin insert into nowhere values (1); return null; end $$;
create trigger each_invoice after insert on invoices for each row execute function each_invoice();
--? breaks
insert into open_invoices (number, amount) values ('another', 1)
--? holds
update open_invoices set amount = 1 where number = 'another'

--! a trigger for what really changes fails
create function on_change() returns trigger language plpgsql as $$ begin insert into nowhere values (1); return null; end $$;
create trigger on_change after update on tickets for each row when (old.state is distinct from new.state) execute function on_change();
--? breaks by value
update tickets set state = 'closed' where id = 3
--? breaks by value
update tickets set state = 'closed', version = version + 1 where id = 3 and version = 0
--? holds
update tickets set priority = 3 where id = 3

--! a trigger that compares fails
create function on_other() returns trigger language plpgsql as
    $$ begin if new.role <> old.role or new.invited_by <> old.invited_by then new.nothing := 1; end if; return new; end $$;
create trigger on_other before update on members for each row execute function on_other();
--? breaks by value
update members set role = 'owner' where account_id = 2 and user_id = 1
--? holds
insert into members (account_id, user_id) values (2, 30)

--! a column that must be given where a MERGE inserts
alter table rooms add column floor integer not null default 1;
alter table rooms alter column floor drop default;
--? breaks by value
merge into rooms r using (values (99, 'new')) as v (id, label) on r.id = v.id
    when matched then update set label = v.label when not matched then insert (id, label) values (v.id, v.label)
--? holds
update rooms set label = 'new' where id = 2
