-- One feature of PostgreSQL after the other.
--! lock several tables
LOCK TABLE wide, kv IN SHARE ROW EXCLUSIVE MODE;
--! lock a view
LOCK TABLE billing.active IN EXCLUSIVE MODE;
--! lock a partitioned table
LOCK TABLE hr.absences IN SHARE MODE;
--! lock a parent with heirs, only
LOCK TABLE ONLY measures IN ACCESS EXCLUSIVE MODE;
--! lock for key share with a join
SELECT u.id FROM users u JOIN accounts a ON a.id = u.account_id WHERE u.id = 1 FOR KEY SHARE;
--! lock for update of one of a join
SELECT u.id FROM users u JOIN accounts a ON a.id = u.account_id WHERE u.id = 1 FOR UPDATE OF u;
--! lock for no key update of one, key share of another
SELECT 1 FROM users u JOIN accounts a ON a.id = u.account_id FOR NO KEY UPDATE OF u FOR KEY SHARE OF a;
--! lock for share through a view
SELECT * FROM billing.active WHERE id = 2 FOR SHARE;
--! lock for update in a common table expression
WITH l AS (SELECT id FROM logged_jobs WHERE state = 'queued' LIMIT 1 FOR UPDATE SKIP LOCKED) UPDATE logged_jobs j SET state = 'running' FROM l WHERE l.id = j.id;
--! advisory locks alone
SELECT pg_advisory_xact_lock(1, 2);
SELECT pg_try_advisory_xact_lock(hashtext('x'));
--! truncate with restart
TRUNCATE TABLE numbered RESTART IDENTITY;
--! truncate cascade over three
TRUNCATE accounts CASCADE;
--! truncate one heir
TRUNCATE measures_old;
--! truncate a partition
TRUNCATE hr.absences_2023;
--! delete with a self reference that cascades
DELETE FROM hr.people WHERE id = 2;
--! delete with set default
DELETE FROM hr.departments WHERE id = 4;
--! key of a self reference that cascades
UPDATE tree SET id = 50 WHERE id = 5;
--! update no key of a referred row
UPDATE hr.people SET name = 'x' WHERE id = 1;
--! composite key with cascade
UPDATE billing.lines SET no = 9 WHERE invoice_id = 1 AND no = 1;
--! delete over a composite key of partitions
DELETE FROM hr.shifts WHERE id = 2 AND region = 'n';
--! delete from a hash partition
DELETE FROM hr.shifts_south WHERE id = 1;
--! update within a partitioned table
UPDATE hr.shifts SET label = 'x' WHERE region = 'n';
--! update over the partition key
UPDATE hr.plans SET region = 's' WHERE id = 2 AND region = 'n';
--! insert that refers to a partitioned table
INSERT INTO hr.swaps VALUES (900, 2, 'n');
--! insert into partitions by key
INSERT INTO hr.absences VALUES (900, 1, '2024-02-02', 'x');
--! attach a partition beside a default
ALTER TABLE hr.absences ATTACH PARTITION hr.absences_2025 FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
--! attach behind a check
ALTER TABLE hr.absences_2025 ADD CONSTRAINT day_2025 CHECK (day >= '2026-01-01' AND day < '2027-01-01') NOT VALID;
ALTER TABLE hr.absences_2025 VALIDATE CONSTRAINT day_2025;
ALTER TABLE hr.absences ATTACH PARTITION hr.absences_2025 FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
--! detach a partition that is referred to
ALTER TABLE hr.plans DETACH PARTITION hr.plans_n;
--! detach concurrently a hash partition's table [outside]
ALTER TABLE hr.plans DETACH PARTITION hr.plans_s CONCURRENTLY;
--! detach and finish [each]
ALTER TABLE hr.plans_s DETACH PARTITION hr.plans_s_1;
--! new partition of a partitioned table
CREATE TABLE hr.shifts_west PARTITION OF hr.shifts FOR VALUES IN ('w');
--! new partition beside a default
CREATE TABLE hr.absences_2027 PARTITION OF hr.absences FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');
--! drop a partition
DROP TABLE hr.absences_2024;
--! index of a partitioned table, only
CREATE INDEX absences_kind ON ONLY hr.absences (kind);
CREATE INDEX absences_2023_kind ON hr.absences_2023 (kind);
ALTER INDEX hr.absences_kind ATTACH PARTITION hr.absences_2023_kind;
--! drop an index of a partitioned table
DROP INDEX hr.absences_person;
--! column of a partitioned table
ALTER TABLE hr.shifts ADD COLUMN z int DEFAULT 5;
--! constraint of a partitioned table
ALTER TABLE hr.shifts ADD CONSTRAINT at_positive CHECK (at >= 0);
--! unlogged and back
ALTER TABLE notes SET UNLOGGED;
--! column of heirs
ALTER TABLE measures ADD COLUMN place text;
--! column of the parent only
ALTER TABLE ONLY measures ALTER COLUMN value SET DEFAULT 0;
--! new heir
CREATE TABLE measures_more () INHERITS (measures);
--! heir taken out and put in
ALTER TABLE measures_old NO INHERIT measures;
ALTER TABLE measures_old INHERIT measures;
--! update of heirs by the parent
UPDATE measures SET value = 0 WHERE id = 1;
--! update of the parent only
UPDATE ONLY measures_old SET value = 0;
--! generated column
ALTER TABLE wide ADD COLUMN total int GENERATED ALWAYS AS (a + b) STORED;
--! generated column that is virtual [18]
ALTER TABLE wide ADD COLUMN total int GENERATED ALWAYS AS (a + b) VIRTUAL;
--! expression dropped from a generated column
ALTER TABLE billing.customers ALTER COLUMN upper_email DROP EXPRESSION;
--! identity made and dropped
ALTER TABLE wide ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY;
ALTER TABLE billing.customers ALTER COLUMN code DROP IDENTITY;
--! identity restarted
ALTER TABLE billing.customers ALTER COLUMN code RESTART WITH 1000;
--! domain with a new check
ALTER DOMAIN billing.positive ADD CONSTRAINT below CHECK (value < 1000);
--! domain with a check that is validated later
ALTER DOMAIN billing.positive ADD CONSTRAINT below CHECK (value < 1000) NOT VALID;
ALTER DOMAIN billing.positive VALIDATE CONSTRAINT below;
--! domain without a check
ALTER DOMAIN billing.positive DROP CONSTRAINT positive_value;
--! domain with a default and no null
ALTER DOMAIN billing.positive SET DEFAULT 1;
ALTER DOMAIN billing.strict_email DROP NOT NULL;
--! domain set not null
ALTER DOMAIN billing.positive SET NOT NULL;
--! enum value and rename
ALTER TYPE billing.level ADD VALUE 'extra' AFTER 'mid';
ALTER TYPE billing.level RENAME VALUE 'low' TO 'lowest';
--! composite type with an attribute more
ALTER TYPE billing.address ADD ATTRIBUTE land text CASCADE;
--! composite type renamed and moved
ALTER TYPE billing.address RENAME TO place;
ALTER TYPE billing.place SET SCHEMA public;
--! drop a type with cascade
DROP TYPE billing.address CASCADE;
--! column of a type that a view uses
ALTER TABLE billing.customers ALTER COLUMN home DROP NOT NULL, ADD COLUMN work billing.address;
--! update through a view with check option
UPDATE billing.active SET level = 'high' WHERE id = 2;
--! update through a view of a view
UPDATE billing.active_again SET level = 'high' WHERE id = 2;
--! insert through a view
INSERT INTO billing.customers (id, email, level) VALUES (900, 'x@y', 'mid');
--! update through a view with a rule
UPDATE billing.joined SET rate = 3 WHERE id = 2;
--! delete through a view
DELETE FROM billing.active WHERE id = 2;
--! replace a view
CREATE OR REPLACE VIEW billing.active AS SELECT id, rate, level FROM billing.customers WHERE level = 'high';
--! rename a view's column
ALTER VIEW billing.active_again RENAME COLUMN level TO grade;
--! drop a view with cascade
DROP VIEW billing.active CASCADE;
--! options of a view
ALTER VIEW billing.active SET (check_option = 'local');
--! refresh a materialised view
REFRESH MATERIALIZED VIEW billing.totals;
--! refresh concurrently in a transaction
REFRESH MATERIALIZED VIEW CONCURRENTLY billing.totals;
--! refresh with no data
REFRESH MATERIALIZED VIEW billing.totals WITH NO DATA;
--! index of a materialised view
CREATE INDEX totals_cents ON billing.totals (cents);
--! rename a materialised view
ALTER MATERIALIZED VIEW billing.totals RENAME TO sums;
--! materialised view remade
DROP MATERIALIZED VIEW billing.totals CASCADE;
CREATE MATERIALIZED VIEW billing.totals AS SELECT account_id AS id, count(*) AS cents FROM billing.invoices GROUP BY 1;
--! rule that does nothing instead
INSERT INTO flags VALUES (900, NULL);
--! update with a rule that inserts
UPDATE flags SET on_off = true WHERE id = 1;
--! lock what a rule inserts into
LOCK TABLE audit.counts IN EXCLUSIVE MODE;
--! drop a rule
DROP RULE flags_log ON flags;
--! disable a rule
ALTER TABLE flags DISABLE RULE flags_log;
--! row security off
ALTER TABLE hr.reviews NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY;
--! policy changed
ALTER POLICY reviews_seen ON hr.reviews USING (id > 0);
--! policy dropped
DROP POLICY reviews_written ON hr.reviews;
--! publication of more
ALTER PUBLICATION company_feed ADD TABLE wide;
--! publication of one less, and another
ALTER PUBLICATION company_feed DROP TABLE kv;
CREATE PUBLICATION other FOR TABLES IN SCHEMA tenant_a;
--! publication for all
CREATE PUBLICATION everything FOR ALL TABLES;
--! publication with a filter
CREATE PUBLICATION filtered FOR TABLE kv (k, v) WHERE (k <> 'a');
--! replica identity by an index
ALTER TABLE wide REPLICA IDENTITY FULL;
ALTER TABLE memberships REPLICA IDENTITY USING INDEX memberships_once;
--! sequence owned by another column
ALTER SEQUENCE numbered_no OWNED BY NONE;
ALTER SEQUENCE numbered_no MAXVALUE 99999;
--! setval and nextval
SELECT setval('numbered_no', 500, false), nextval('users_id_seq');
--! sequence dropped with cascade
DROP SEQUENCE numbered_no CASCADE;
--! rename a sequence
ALTER SEQUENCE numbered_no RENAME TO no_numbers;
--! statistics object
ALTER TABLE wide ALTER COLUMN a SET STATISTICS 1000;
CREATE STATISTICS wide_bc (ndistinct) ON b, c FROM wide;
ALTER STATISTICS wide_ab RENAME TO wide_ba;
--! drop statistics and analyse
DROP STATISTICS wide_ab;
ANALYZE wide;
--! analyse everything
ANALYZE;
--! cluster and its mark
CLUSTER wide USING wide_pkey;
--! cluster mark alone
ALTER TABLE wide CLUSTER ON wide_pkey;
ALTER TABLE wide SET WITHOUT CLUSTER;
--! reindex a table in a transaction
REINDEX TABLE wide;
--! reindex a schema beside others [outside]
REINDEX SCHEMA tenant_a;
--! vacuum full [outside]
VACUUM (FULL, ANALYZE) kv;
--! vacuum some [outside]
VACUUM (VERBOSE, INDEX_CLEANUP ON) kv, wide;
--! index concurrently on a table that is referred to [outside]
CREATE UNIQUE INDEX CONCURRENTLY accounts_once ON accounts (id, name);
--! drop index concurrently [outside]
DROP INDEX CONCURRENTLY wide_abc;
--! reindex concurrently [outside]
REINDEX INDEX CONCURRENTLY users_pkey;
--! refresh concurrently [outside]
REFRESH MATERIALIZED VIEW CONCURRENTLY billing.totals;
--! comment on all
COMMENT ON TABLE wide IS 'x';
COMMENT ON COLUMN wide.a IS 'x';
COMMENT ON CONSTRAINT projects_state ON projects IS 'x';
COMMENT ON POLICY reviews_seen ON hr.reviews IS 'x';
COMMENT ON MATERIALIZED VIEW billing.totals IS 'x';
COMMENT ON SEQUENCE numbered_no IS 'x';
COMMENT ON TYPE billing.level IS 'x';
COMMENT ON DOMAIN billing.positive IS 'x';
COMMENT ON RULE flags_log ON flags IS 'x';
COMMENT ON STATISTICS wide_ab IS 'x';
--! grant and revoke
GRANT ALL ON ALL TABLES IN SCHEMA public TO app_writer;
GRANT SELECT (id, name) ON users TO app_reader;
REVOKE INSERT ON kv FROM app_writer;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA billing TO app_reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA billing GRANT SELECT ON TABLES TO app_reader;
--! owner of a table, then reassigned
ALTER TABLE wide OWNER TO app_leaver;
REASSIGN OWNED BY app_leaver TO app_writer;
--! drop owned
ALTER TABLE notes OWNER TO app_leaver;
GRANT SELECT ON kv TO app_leaver;
DROP OWNED BY app_leaver;
--! schema of a table with triggers
ALTER TABLE documents SET SCHEMA audit;
--! schema of a function
ALTER FUNCTION audit.note() SET SCHEMA public;
--! rename a schema
ALTER SCHEMA tenant_a RENAME TO tenant_c;
--! owner of a schema
ALTER SCHEMA tenant_a OWNER TO app_writer;
--! drop a schema with all in it
DROP SCHEMA tenant_b CASCADE;
--! drop a schema with partitions
DROP SCHEMA hr CASCADE;
--! extension dropped with its columns
DROP EXTENSION hstore CASCADE;
--! extension moved
ALTER EXTENSION citext SET SCHEMA audit;
--! temporary table filled from others
CREATE TEMP TABLE todo ON COMMIT DROP AS SELECT id FROM wide;
CREATE INDEX ON todo (id);
ANALYZE todo;
DELETE FROM todo WHERE id > 2;
UPDATE wide SET d = 't' WHERE id IN (SELECT id FROM todo);
DROP TABLE todo;
--! temporary table that hides another
CREATE TEMP TABLE kv (k text, v text);
INSERT INTO kv VALUES ('a', 'b');
UPDATE kv SET v = 'c';
ALTER TABLE kv ADD COLUMN n int;
--! temporary table dropped, then the real one
CREATE TEMP TABLE kv (k text, v text);
DROP TABLE kv;
UPDATE kv SET v = 'c' WHERE k = 'a';
--! common table expression that moves rows
WITH moved AS (DELETE FROM logged_jobs WHERE state = 'done' RETURNING *) INSERT INTO kv (k, v) SELECT 'job' || id, state FROM moved;
--! common table expressions that write three tables
WITH a AS (INSERT INTO accounts (name) VALUES ('new') RETURNING id), b AS (INSERT INTO users (account_id, email) SELECT id, 'new@x' FROM a RETURNING id)
UPDATE kv SET v = 'n' FROM b WHERE k = 'a';
--! insert from a select with a lock
INSERT INTO kv (k, v) SELECT 's' || id, name FROM users WHERE id < 3 FOR SHARE;
--! upsert with a condition
INSERT INTO kv AS t (k, v) VALUES ('a', 'n') ON CONFLICT (k) DO UPDATE SET v = excluded.v WHERE t.v <> excluded.v;
--! upsert of a parent
INSERT INTO accounts (id, name) VALUES (1, 'x'), (2, 'y') ON CONFLICT (id) DO UPDATE SET name = excluded.name;
--! upsert that does nothing of a child
INSERT INTO users (id, account_id, email) VALUES (1, 2, 'u1@x.org'), (900, 2, 'u900@x.org') ON CONFLICT DO NOTHING;
--! merge with all branches
MERGE INTO kv t USING (VALUES ('a', 'x'), ('b', NULL), ('new', 'y')) s (k, v) ON t.k = s.k
WHEN MATCHED AND s.v IS NULL THEN DELETE
WHEN MATCHED THEN UPDATE SET v = s.v
WHEN NOT MATCHED THEN INSERT (k, v) VALUES (s.k, s.v);
--! merge that does nothing
MERGE INTO kv t USING (SELECT 'a' AS k) s ON t.k = s.k WHEN MATCHED THEN DO NOTHING;
--! merge into a parent
MERGE INTO accounts a USING users u ON u.account_id = a.id AND u.id = 1 WHEN MATCHED THEN UPDATE SET plan = 2;
--! merge into a child that inserts
MERGE INTO memberships m USING users u ON m.user_id = u.id WHEN NOT MATCHED THEN INSERT (user_id, project_id) VALUES (u.id, 1) WHEN MATCHED THEN UPDATE SET role = 'x';
--! merge by source [18]
MERGE INTO kv t USING (VALUES ('a')) s (k) ON t.k = s.k WHEN NOT MATCHED BY SOURCE THEN DELETE;
--! update with a subquery and returning
UPDATE users u SET login_count = (SELECT count(*) FROM memberships m WHERE m.user_id = u.id) WHERE u.account_id = 2 RETURNING u.id;
--! update of a generated and unique column
UPDATE spans SET during = int4range(100, 110) WHERE id = 1;
--! insert into what an exclusion guards
INSERT INTO spans VALUES (900, int4range(500, 501), 9);
--! names in mixed case
ALTER TABLE "Mixed Case"."Größe" ADD COLUMN "Übermaß" int;
UPDATE "Mixed Case"."Größe" SET "Wert ""x""" = 'z' WHERE id = 1;
--! delete with a cascade to a quoted name
DELETE FROM "Mixed Case"."Größe" WHERE id = 1;
--! a table called select
UPDATE "select" SET "from" = 'x' WHERE id = 1;
CREATE INDEX "index" ON "select" ("from");
--! rename to another case
ALTER TABLE "Mixed Case"."Maß" RENAME TO "MASS";
ALTER TABLE "Mixed Case"."MASS" RENAME COLUMN "größe" TO "GRÖSSE";
ALTER TABLE "Mixed Case"."MASS" ADD CONSTRAINT "ck ""1""" CHECK ("GRÖSSE" > 0) NOT VALID;
--! savepoints within savepoints
SAVEPOINT a;
UPDATE kv SET v = 'x' WHERE k = 'a';
SAVEPOINT b;
ALTER TABLE wide ADD COLUMN sp int;
ROLLBACK TO SAVEPOINT b;
UPDATE notes SET body = 'x' WHERE id = 1;
RELEASE SAVEPOINT a;
--! savepoint with the name of another
SAVEPOINT s;
UPDATE kv SET v = 'x' WHERE k = 'a';
SAVEPOINT s;
ALTER TABLE wide ADD COLUMN sp int;
ROLLBACK TO s;
--! transactions of its own [each]
BEGIN;
ALTER TABLE kv ADD COLUMN one int;
COMMIT;
BEGIN;
UPDATE wide SET d = 'x';
ROLLBACK;
UPDATE notes SET body = 'y';
--! role and settings
SET ROLE app_writer;
RESET ROLE;
SET LOCAL lock_timeout = '2s';
SET LOCAL statement_timeout = '5min';
ALTER TABLE notes ADD COLUMN r int;
--! set constraints deferred
SET CONSTRAINTS ALL DEFERRED;
UPDATE auth_group_permissions SET group_id = 2 WHERE id = 1;
--! late foreign key to a project
UPDATE memberships SET project_id = 2 WHERE id = 1;
--! late self reference
UPDATE tree SET up = 4 WHERE id = 5;
--! alter a constraint to be late
ALTER TABLE projects ALTER CONSTRAINT projects_account_id_fkey DEFERRABLE INITIALLY DEFERRED;
--! a foreign key that is not enforced [18]
ALTER TABLE notes ADD COLUMN user_id bigint;
ALTER TABLE notes ADD CONSTRAINT notes_user FOREIGN KEY (user_id) REFERENCES users (id) NOT ENFORCED;
--! not null that is not valid [18]
ALTER TABLE wide ADD CONSTRAINT wide_a_nn NOT NULL a NOT VALID;
ALTER TABLE wide VALIDATE CONSTRAINT wide_a_nn;
--! many sub-commands that take little
ALTER TABLE wide ALTER COLUMN a SET STATISTICS 10, ALTER COLUMN b SET STATISTICS 10;
--! sub-commands that take little
ALTER TABLE wide ALTER COLUMN a SET (n_distinct = 5), SET (autovacuum_enabled = off), ALTER COLUMN b SET STATISTICS 5;
--! storage and compression
ALTER TABLE wide ALTER COLUMN d SET STORAGE EXTERNAL;
ALTER TABLE wide ALTER COLUMN e SET COMPRESSION pglz;
--! access method
ALTER TABLE wide SET ACCESS METHOD heap;
--! type that needs no rewrite
ALTER TABLE kv ALTER COLUMN v TYPE varchar;
--! collation of a column
ALTER TABLE wide ALTER COLUMN f TYPE text COLLATE "POSIX";
--! drop a column that an index and statistics use
ALTER TABLE wide DROP COLUMN a;
--! drop a column that a policy uses
ALTER TABLE hr.reviews DROP COLUMN person_id CASCADE;
--! drop a referred column with cascade
ALTER TABLE hr.people DROP COLUMN id CASCADE;
--! drop a constraint with cascade
ALTER TABLE billing.lines DROP CONSTRAINT lines_pkey CASCADE;
--! drop functions with what uses them
DROP FUNCTION audit.note() CASCADE;
--! drop a role's rights
DROP OWNED BY app_reader;
--! foreign table beside
CREATE EXTENSION file_fdw;
CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
CREATE FOREIGN TABLE outside_rows (a text) SERVER files OPTIONS (filename '/nowhere');
ALTER FOREIGN TABLE outside_rows ADD COLUMN b text;
COMMENT ON FOREIGN TABLE outside_rows IS 'x';
--! table as a copy and its swap
CREATE TABLE wide_copy (LIKE wide INCLUDING ALL);
INSERT INTO wide_copy SELECT * FROM wide;
ALTER TABLE wide RENAME TO wide_old;
ALTER TABLE wide_copy RENAME TO wide;
UPDATE wide SET d = 'new';
--! table as a copy with a lock against writers
LOCK TABLE kv IN SHARE MODE;
CREATE TABLE kv_copy AS TABLE kv;
ALTER TABLE kv_copy ADD PRIMARY KEY (k);
--! table of a type and typed columns
CREATE TABLE typed OF billing.address;
INSERT INTO typed VALUES ('s', 'z');
--! new table that refers to three
CREATE TABLE links (id int PRIMARY KEY, a bigint REFERENCES accounts (id), u bigint REFERENCES users (id) ON DELETE CASCADE, p bigint REFERENCES projects (id) DEFERRABLE);
--! new table with a row that refers
CREATE TABLE links (id int PRIMARY KEY, a bigint REFERENCES accounts (id));
INSERT INTO links VALUES (1, 1);
--! explain without carrying out
EXPLAIN UPDATE kv SET v = 'x';
--! empty table updated
UPDATE empty_table SET label = 'x';
ALTER TABLE empty_table ADD COLUMN c int NOT NULL;
--! empty table deleted from and dropped
DELETE FROM empty_table;
DROP TABLE empty_table;
--! notify and listen
LISTEN channel;
NOTIFY channel, 'x';
SHOW lock_timeout;
SELECT 1;
