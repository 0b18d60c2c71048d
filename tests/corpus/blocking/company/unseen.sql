--! update a key through a view that calls it otherwise
create view mail_addresses as select id as no, email as address from users;
update mail_addresses set address = 'new@x.org' where no = 3;
--! delete through a view of a view, with cascades
create view account_names as select id as no, name from accounts;
create view account_numbers as select no from account_names where no > 0;
delete from account_numbers where no = 2;
--! lock all rows of a view that shows some
create view late_users as select id, name from users where id > 4;
select * from late_users for update;
--! lock all rows of a view that shows all
create view all_users as select id, name from users;
select * from all_users for update;
--! insert through a view, with parents
create view user_roles as select id, user_id, project_id, role from memberships;
insert into user_roles (user_id, project_id, role) values (1, 3, 'viewer');
--! restart a sequence of a table that a trigger changes
alter sequence billing.invoices_id_seq restart with 1000;
--! delete all rows of a partition that is referred to
delete from hr.shifts_north;
--! lock a table below one whose trigger counts in its parent
lock table billing.line_taxes in access exclusive mode;
--! procedure with a long loop and more behind it [each]
create procedure fill_queues() language plpgsql as $$
begin
  for i in 1..12 loop
    update oban_jobs set queue = 'mail' where id = 1 + i % 4;
    commit;
  end loop;
  create index oban_jobs_queue on oban_jobs (queue);
  alter table kv add column n int;
end $$;
call fill_queues();
--=
update oban_jobs set queue = 'mail';
create index oban_jobs_queue on oban_jobs (queue);
alter table kv add column n int;
