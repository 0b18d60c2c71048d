create extension if not exists citext;
create extension if not exists pg_trgm;
create extension if not exists btree_gist;
create type plan as enum ('free', 'team', 'corporate');
create type postal as (street text, city text);
create domain slug as text check (value ~ '^[a-z0-9-]*$');
create collation natural_order (locale = 'C');
create table "User" (
    "id" serial primary key,
    "email" text not null,
    "displayName" varchar(80),
    "createdAt" timestamp(3) not null default current_timestamp,
    "isAdmin" boolean not null default false
);
create unique index "User_email_key" on "User" ("email");
create table "Post" (
    "id" serial primary key,
    "title" text not null,
    "authorId" integer not null references "User" ("id") on delete restrict on update cascade,
    "publishedAt" timestamp(3),
    "viewCount" integer not null default 0
);
create table accounts (
    id bigint generated always as identity primary key,
    name varchar(255) not null,
    slug slug,
    plan plan not null default 'free',
    plan_name text not null default 'free',
    address postal,
    seats integer not null default 1,
    flags integer not null default 0,
    active smallint not null default 1,
    deleted_at timestamptz,
    created_at timestamptz not null default now()
);
create unique index accounts_slug on accounts (slug) where deleted_at is null;
create table members (
    account_id bigint not null references accounts on delete cascade,
    user_id integer not null references "User" ("id") on delete cascade on update cascade,
    role varchar(20) not null default 'reader',
    invited_by integer references "User" ("id") on delete set null,
    primary key (account_id, user_id)
);
create table invoices (
    id serial primary key,
    account_id bigint references accounts,
    number text not null unique,
    amount numeric(12, 2) not null,
    currency char(3) not null default 'EUR',
    paid boolean not null default false,
    due date,
    meta json,
    lines text[] not null default '{}'
);
create table invoices_archive (
    id integer, account_id bigint, number text, amount numeric(12, 2), currency char(3), paid boolean, due date, meta json, lines text[]
);
create table rooms (id integer primary key, label text not null, external_id uuid not null default gen_random_uuid());
create table bookings (
    id uuid primary key default gen_random_uuid(),
    room_id integer not null references rooms,
    during tstzrange not null,
    cancelled boolean not null default false,
    by_whom text
);
create table audit_log (id bigserial primary key, happened timestamptz not null default now(), what text, old_name text, who text);
create function log_account() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' then
        insert into audit_log (what, old_name) values ('delete', old.name);
        return old;
    end if;
    insert into audit_log (what, old_name, who) values (lower(tg_op), new.name, current_user);
    return new;
end $$;
create trigger log_account after insert or update or delete on accounts for each row execute function log_account();
create table measurements (device integer not null, at timestamptz not null, value double precision) partition by range (at);
create table measurements_old partition of measurements for values from ('2025-01-01') to ('2026-01-01');
create table measurements_new partition of measurements for values from ('2026-01-01') to ('2027-01-01');
create table tickets (
    id serial primary key,
    subject text,
    state varchar(16) not null default 'open',
    assignee integer,
    priority integer,
    external_ref varchar(36),
    search tsvector,
    version integer not null default 0
);
create table tags (id serial primary key, name text not null, parent_id integer references tags);
create table ticket_tags (ticket_id integer references tickets, tag_id integer references tags, primary key (ticket_id, tag_id));
create table токены (ключ text primary key, значение text, "срок" timestamptz);
create table outbox (id bigserial, topic text not null, payload jsonb not null default '{}', sent_at timestamptz);
create view active_accounts as select id, name, slug, seats from accounts where deleted_at is null;
create view busy_accounts as select a.id, a.name, count(m.user_id) as people
  from active_accounts a left join members m on m.account_id = a.id group by a.id, a.name;
create materialized view revenue as select account_id, sum(amount) as total from invoices group by account_id;
create unique index revenue_account on revenue (account_id);
create function fee(integer) returns numeric language sql stable as $$ select $1 * 0.1 $$;
create function account_stats(which bigint, out total numeric, out open_invoices bigint) language sql stable as
    $$ select sum(amount), count(*) filter (where not paid) from invoices where account_id = which $$;
create function unpaid(which bigint) returns setof invoices language sql stable as
    $$ select id, account_id, number, amount, currency, paid, due, meta, lines from invoices where account_id = which and not paid $$;
create function invoice_label(i invoices) returns text language sql stable as $$ select i.number || ' ' || i.currency $$;
create procedure settle(which bigint) language plpgsql as $$ begin update invoices set paid = true where account_id = which; end $$;
create function seats_left(which bigint) returns integer language plpgsql stable as $$
declare used integer; total integer;
begin
    select count(*) into used from members where account_id = which;
    select seats - used into total from accounts where id = which;
    return total;
end $$;
create schema tenant_a;
create table tenant_a.notes (id serial primary key, body text, pinned boolean default false);
create table tenant_a.labels (id serial primary key, name text);
do $$ begin
    if not exists (select from pg_roles where rolname = 'app') then create role app; end if;
end $$;
grant usage on schema public, tenant_a to app;
grant select, insert, update, delete on all tables in schema public, tenant_a to app;
grant usage on all sequences in schema public, tenant_a to app;
create view ticket_board as select t.id, t.subject, u."displayName" as assignee from tickets t left join "User" u on u."id" = t.assignee;
create function put_on_board() returns trigger language plpgsql as $$ begin insert into tickets (subject) values (new.subject); return new; end $$;
create trigger put_on_board instead of insert on ticket_board for each row execute function put_on_board();
create function open_tickets() returns setof tickets language sql stable as $$ select * from tickets where state = 'open' $$;
create function label_of(which integer, prefix text default '#') returns text language sql stable as $$ select prefix || label from rooms where id = which $$;
create function secret_count() returns bigint language sql security definer set search_path = public as $$ select count(*) from audit_log $$;
create table documents (id bigint generated by default as identity primary key, owner_id bigint, title text not null, body text, labels plan[],
  word_count integer generated always as (length(title)) stored, updated_at timestamp, on_date date default current_date, price numeric, weight real, ip inet);
create table parents (id integer primary key, name text);
create table children (id integer primary key, note text) inherits (parents);
create rule log_parents as on delete to parents do also insert into audit_log (what) values ('parent');
grant select on ticket_board to app; grant select, insert, update, delete on documents to app; grant usage on documents_id_seq to app;
create table letters (id integer primary key, body text, sent_at timestamptz);
alter table letters enable row level security;
create policy unsent on letters to app using (sent_at is null);
create function stamp() returns trigger language plpgsql as $$ begin insert into outbox (topic) values (new.body); return new; end $$;
create trigger stamp before insert or update on letters for each row execute function stamp();
grant select, insert, update on letters to app; grant insert on outbox to app; grant usage on outbox_id_seq to app;
create view open_invoices as select id, number, amount from invoices where not paid;
