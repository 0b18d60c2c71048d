-- ALTER TABLE: constraints.
--! add a check
alter table plain add constraint c check (n >= 0);
--! add a check that is not valid
alter table plain add constraint c check (n >= 0) not valid;
--! add a check without heirs
alter table creatures add constraint c check (id > 0) no inherit;
--! add a check to a parent
alter table creatures add constraint c check (id > 0);
--! add a check to a partitioned table
alter table readings add constraint c check (day >= 0);
--! add a check that is not enforced [18]
alter table plain add constraint c check (n >= 0) not enforced;
--! add a not null constraint that is not valid [18]
alter table customers add constraint c not null age not valid;
--! validate a check
alter table stock validate constraint stock_count;
--! validate a foreign key
alter table reviews validate constraint reviews_product;
--! add not valid and validate in one transaction
alter table plain add constraint c check (n >= 0) not valid;
alter table plain validate constraint c;
--! add a foreign key
alter table plain add constraint c foreign key (id) references customers (id);
--! add a foreign key that is not valid
alter table loose add constraint c foreign key (id) references customers (id) not valid;
--! add a foreign key that is not enforced [18]
alter table loose add constraint c foreign key (id) references customers (id) not enforced;
--! add a foreign key not valid, then validate
alter table loose add constraint c foreign key (id) references customers (id) not valid;
alter table loose validate constraint c;
--! add a foreign key to itself
alter table plain add constraint c foreign key (n) references plain (id) not valid;
--! add a foreign key to a partitioned table
alter table loose add column day int;
alter table loose add constraint c foreign key (id, day) references readings (id, day);
--! add a foreign key from a partitioned table that is not valid [18]
alter table visits add constraint c foreign key (id) references products (id) not valid;
--! add a foreign key from a partitioned table, checked
alter table hits add constraint c foreign key (at) references plain (id);
--! add a primary key
alter table loose add primary key (id);
--! add a unique constraint
alter table plain add constraint c unique (label);
--! add a unique constraint with nulls equal
alter table plain add constraint c unique nulls not distinct (label);
--! add a unique constraint to a partitioned table
alter table readings add constraint c unique (day, id);
--! add a primary key to a partitioned table
alter table hits add primary key (id);
--! add a constraint by an index
create unique index plain_n on plain (label);
alter table plain add constraint c unique using index plain_n;
--! add an exclusion
alter table plain add constraint c exclude using btree (label with =);
--! drop a check
alter table customers drop constraint customers_age;
--! drop a foreign key
alter table orders drop constraint orders_customer_id_fkey;
--! drop a foreign key of a partitioned table
alter table readings drop constraint readings_customer_id_fkey;
--! drop a unique constraint
alter table regions drop constraint regions_name_key;
--! drop a primary key with what refers to it
alter table products drop constraint products_pkey cascade;
--! drop a constraint that is not there
alter table plain drop constraint if exists nothing;
--! drop a domain's constraint
alter domain amount drop constraint amount_check;
--! make a foreign key deferrable
alter table orders alter constraint orders_customer_id_fkey deferrable initially deferred;
--! make a foreign key not enforced [18]
alter table orders alter constraint orders_customer_id_fkey not enforced;
--! rename a constraint
alter table customers rename constraint customers_age to age_limit;
--! rename a key's constraint
alter table regions rename constraint regions_name_key to names;
