-- What an examiner tries when the usual has been tried.
--! select into a new table
SELECT id, name INTO users_copy FROM users WHERE admin;
CREATE INDEX ON users_copy (id);
--! table of a query without data
CREATE UNLOGGED TABLE IF NOT EXISTS kv_empty AS SELECT * FROM kv WITH NO DATA;
--! index option
ALTER INDEX wide_abc SET (fillfactor = 70);
--! index moved to its own statistics
CREATE INDEX wide_sum ON wide ((a + b));
ALTER INDEX wide_sum ALTER COLUMN 1 SET STATISTICS 100;
--! constraint by an index made before
CREATE UNIQUE INDEX wide_id_a ON wide (id, a);
ALTER TABLE wide ADD CONSTRAINT wide_id_a UNIQUE USING INDEX wide_id_a;
--! primary key exchanged
CREATE UNIQUE INDEX notes_new_pkey ON notes (id);
ALTER TABLE notes DROP CONSTRAINT notes_pkey, ADD CONSTRAINT notes_pkey PRIMARY KEY USING INDEX notes_new_pkey;
--! truncate two
TRUNCATE notes, transitions;
--! truncate a referred table with its child
TRUNCATE tenant_a.owners, tenant_a.items;
--! delete with using
DELETE FROM kv USING users u WHERE kv.k = u.name AND u.id = 1;
--! update with a join and a limit
UPDATE wide SET d = 'x' FROM (SELECT id FROM wide ORDER BY id LIMIT 2) s WHERE s.id = wide.id;
--! lock rows in a subquery
SELECT * FROM (SELECT id FROM wide WHERE id < 3 FOR UPDATE) s JOIN kv ON true;
--! lock rows of a partitioned table
SELECT * FROM hr.absences WHERE person_id = 5 FOR NO KEY UPDATE;
--! lock rows of a parent with heirs
SELECT * FROM measures WHERE id = 1 FOR UPDATE;
--! lock without waiting
SELECT id FROM accounts WHERE id = 1 FOR UPDATE NOWAIT;
--! lock in a function
CREATE FUNCTION take(which bigint) RETURNS bigint LANGUAGE sql AS $$ SELECT id FROM users WHERE id = which FOR UPDATE $$;
SELECT take(1);
--! lock all through two views
SELECT * FROM billing.active_again FOR UPDATE;
--! insert over the identity
INSERT INTO audit.log (id, tbl) OVERRIDING SYSTEM VALUE VALUES (9000, 'x');
SELECT setval(pg_get_serial_sequence('audit.log', 'id'), 9000);
--! insert from its own table
INSERT INTO notes (id, body) SELECT id + 900, body FROM notes;
--! insert into a child from a query
INSERT INTO memberships (user_id, project_id) SELECT u.id, p.id FROM users u, projects p WHERE u.id = 1 AND p.id = 2;
--! insert that refers by default values
INSERT INTO hr.people (id, name) VALUES (900, 'new');
--! insert that refers to nobody
INSERT INTO hr.people (id, name, department_id) VALUES (900, 'new', NULL);
--! rename a view that others use
ALTER VIEW billing.active RENAME TO lively;
--! view with a column more
CREATE OR REPLACE VIEW billing.totals_view AS SELECT id, cents, 1 AS one FROM billing.totals;
--! view over a view, made and granted
CREATE VIEW kv_view AS SELECT k, v FROM kv;
CREATE VIEW kv_again AS SELECT k FROM kv_view;
GRANT SELECT ON kv_again TO app_reader;
--! update through a new view
CREATE VIEW kv_view AS SELECT k, v FROM kv;
UPDATE kv_view SET v = 'x' WHERE k = 'a';
--! merge into a view's table [18]
MERGE INTO kv t USING users u ON t.k = u.name WHEN MATCHED THEN UPDATE SET v = 'm' WHEN NOT MATCHED THEN INSERT (k, v) VALUES ('u' || u.id, 'x') RETURNING merge_action();
--! merge into a partitioned table by its key
MERGE INTO hr.shifts s USING (VALUES (2, 'n')) v (id, region) ON s.id = v.id AND s.region = v.region WHEN MATCHED THEN UPDATE SET label = 'm';
--! merge that may delete a parent
MERGE INTO tenant_b.owners o USING (VALUES (1)) v (id) ON o.id = v.id WHEN MATCHED THEN DELETE;
--! rule made and used
CREATE RULE kv_quiet AS ON DELETE TO kv DO INSTEAD UPDATE kv SET v = NULL WHERE k = old.k;
DELETE FROM kv WHERE k = 'a';
--! policy with a subquery
CREATE POLICY kv_mine ON kv USING (EXISTS (SELECT FROM users u WHERE u.name = kv.k));
ALTER TABLE kv ENABLE ROW LEVEL SECURITY;
--! harmless makings
CREATE CAST (billing.level AS bigint) WITH INOUT;
--! aggregate, collation, operator
CREATE AGGREGATE summed (int) (sfunc = int4pl, stype = int, initcond = '0');
CREATE COLLATION other FROM "C";
CREATE TEXT SEARCH CONFIGURATION plainer (COPY = simple);
--! functions altered and dropped
ALTER FUNCTION hr.may_see(int) IMMUTABLE;
ALTER FUNCTION hr.raise_all(numeric) SECURITY DEFINER;
DROP FUNCTION upsert_kv(text, text);
--! triggers dropped where they are
DROP TRIGGER IF EXISTS nobody ON kv;
DROP TRIGGER IF EXISTS notes_keep ON notes;
--! trigger that fires always
ALTER TABLE documents ENABLE ALWAYS TRIGGER documents_version;
--! trigger disabled for one table, update of another
ALTER TABLE notes DISABLE TRIGGER ALL;
DELETE FROM notes WHERE id = 1;
--! replica role around a delete
SET LOCAL session_replication_role = 'replica';
DELETE FROM users WHERE id = 1;
SET LOCAL session_replication_role = 'origin';
UPDATE kv SET v = 'x' WHERE k = 'a';
--! comment on what has no table
COMMENT ON SCHEMA billing IS 'x';
COMMENT ON EXTENSION hstore IS 'x';
COMMENT ON ROLE app_reader IS 'x';
COMMENT ON FUNCTION hr.may_see(int) IS 'x';
COMMENT ON INDEX wide_abc IS 'x';
COMMENT ON VIEW billing.active IS 'x';
--! role settings and memberships
ALTER ROLE app_reader SET search_path = tenant_a, public;
GRANT app_reader TO app_leaver;
CREATE ROLE app_new NOLOGIN;
--! revoke from a schema
REVOKE ALL ON SCHEMA billing FROM PUBLIC;
GRANT USAGE ON SCHEMA billing TO app_reader;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA audit FROM PUBLIC;
--! publication set anew
ALTER PUBLICATION company_feed SET TABLE kv, wide;
--! publication dropped
DROP PUBLICATION company_feed;
--! session's advisory lock as Rails takes it [each]
SELECT pg_try_advisory_lock(8823);
BEGIN;
ALTER TABLE kv ADD COLUMN rails int;
COMMIT;
SELECT pg_advisory_unlock(8823);
--! event trigger switched off
CREATE FUNCTION on_drop() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO audit.log (tbl, op) VALUES ('x', 'drop'); END $$;
CREATE EVENT TRIGGER on_drop ON sql_drop EXECUTE FUNCTION on_drop();
ALTER EVENT TRIGGER on_drop DISABLE;
DROP TABLE transitions;
--! trigger with a function that calls another
CREATE FUNCTION touch_kv() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM upsert_kv('a', new.label); RETURN new; END $$;
CREATE TRIGGER touch BEFORE UPDATE ON switched FOR EACH ROW EXECUTE FUNCTION touch_kv();
UPDATE switched SET label = 'z' WHERE id = 2;
--! trigger that asks its depth
CREATE FUNCTION deeper() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF pg_trigger_depth() < 2 THEN UPDATE kv SET v = 'deep' WHERE k = 'b'; END IF;
  RETURN new;
END $$;
CREATE TRIGGER deeper AFTER UPDATE ON switched FOR EACH ROW EXECUTE FUNCTION deeper();
UPDATE switched SET label = 'z' WHERE id = 2;
--! nested dynamic block
DO $outer$ BEGIN
  EXECUTE $inner$ DO $$ BEGIN EXECUTE 'ALTER TABLE kv ADD COLUMN nested int'; END $$ $inner$;
END $outer$;
--! block with stacked diagnostics
DO $$
DECLARE m text;
BEGIN
  BEGIN
    CREATE INDEX wide_abc ON wide (a);
  EXCEPTION WHEN duplicate_table THEN
    GET STACKED DIAGNOSTICS m = message_text;
    RAISE NOTICE '%', m;
  END;
END $$;
--! block with an inner label and exit
DO $$
<<outer>>
DECLARE i int;
BEGIN
  FOR i IN 1..3 LOOP
    EXIT outer WHEN i = 2;
    UPDATE wide SET e = 'l' WHERE id = i;
  END LOOP;
END $$;
--! block with an assertion and a return
DO $$ BEGIN
  ASSERT (SELECT count(*) FROM pg_class WHERE relname = 'kv') = 1;
  IF to_regclass('public.kv') IS NULL THEN RETURN; END IF;
  ALTER TABLE kv ADD COLUMN asserted int;
END $$;
--! block over columns with dynamic alterations
DO $$
DECLARE c record;
BEGIN
  FOR c IN SELECT table_schema, table_name, column_name FROM information_schema.columns WHERE table_schema = 'tenant_b' AND data_type = 'text' LOOP
    EXECUTE format('ALTER TABLE %I.%I ALTER COLUMN %I TYPE varchar(200)', c.table_schema, c.table_name, c.column_name);
  END LOOP;
END $$;
--! block over constraints with nothing to do
DO $$
DECLARE c record;
BEGIN
  FOR c IN SELECT conrelid::regclass AS t, conname FROM pg_constraint WHERE conname LIKE 'nothing%' LOOP
    EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', c.t, c.conname);
  END LOOP;
END $$;
--! block over sequences
DO $$
DECLARE s record;
BEGIN
  FOR s IN SELECT schemaname, sequencename FROM pg_sequences WHERE schemaname = 'billing' LOOP
    PERFORM setval(format('%I.%I', s.schemaname, s.sequencename)::regclass, 1000);
  END LOOP;
END $$;
--! block with a record of rows
DO $$
DECLARE u users%ROWTYPE;
BEGIN
  SELECT * INTO STRICT u FROM users WHERE id = 1;
  UPDATE accounts SET plan = 3 WHERE id = u.account_id;
END $$;
--! block that counts in a variable and skips
DO $$
DECLARE n int;
BEGIN
  SELECT count(*) INTO n FROM information_schema.tables WHERE table_schema = 'public' AND table_name = 'not_here';
  IF n > 0 THEN
    DROP TABLE wide CASCADE;
  END IF;
END $$;
--! block that asks the data and skips
DO $$ BEGIN
  IF EXISTS (SELECT 1 FROM wide WHERE id < 0) THEN
    UPDATE wide SET id = -id;
  END IF;
END $$;
--! function with an exception block
CREATE FUNCTION careful() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  ALTER TABLE kv ADD COLUMN careful int;
EXCEPTION WHEN duplicate_column THEN NULL;
END $$;
SELECT careful();
SELECT careful();
--! function with defaults and out
CREATE FUNCTION set_v(IN key text DEFAULT 'a', OUT n int) LANGUAGE plpgsql AS $$
BEGIN
  UPDATE kv SET v = 'set' WHERE k = key;
  GET DIAGNOSTICS n = ROW_COUNT;
END $$;
SELECT set_v();
SELECT * FROM set_v('b');
--! function with a body of the standard
CREATE FUNCTION mark_wide() RETURNS void LANGUAGE sql BEGIN ATOMIC UPDATE wide SET d = 'atomic' WHERE id = 1; END;
SELECT mark_wide();
--! function overloaded
CREATE FUNCTION pick(a int) RETURNS void LANGUAGE sql AS $$ UPDATE kv SET v = 'i' WHERE k = 'a' $$;
CREATE FUNCTION pick(a text) RETURNS void LANGUAGE sql AS $$ UPDATE notes SET body = 't' WHERE id = 1 $$;
SELECT pick('x'::text);
--! function that returns rows that it changed
CREATE FUNCTION changed() RETURNS SETOF wide LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY UPDATE wide SET d = 'r' WHERE id = 2 RETURNING *; END $$;
SELECT count(*) FROM changed();
--! procedure with arguments in and out
CREATE PROCEDURE bump(INOUT n int) LANGUAGE plpgsql AS $$ BEGIN UPDATE wide SET a = n WHERE id = 1; n := n + 1; END $$;
CALL bump(5);
--! heirs with a renamed column
ALTER TABLE measures RENAME COLUMN value TO amount;
--! heirs with a dropped column
ALTER TABLE measures DROP COLUMN value;
--! heir that gets its own column type
ALTER TABLE measures ALTER COLUMN value TYPE numeric;
--! partition swapped
ALTER TABLE hr.plans DETACH PARTITION hr.plans_n;
CREATE TABLE hr.plans_n_new (LIKE hr.plans INCLUDING ALL);
ALTER TABLE hr.plans ATTACH PARTITION hr.plans_n_new FOR VALUES IN ('n');
DROP TABLE hr.plans_n;
--! default partition made
CREATE TABLE hr.plans_rest PARTITION OF hr.plans DEFAULT;
--! partition with its own index and constraint
ALTER TABLE hr.plans_n ADD CONSTRAINT n_only CHECK (id > 0);
CREATE INDEX ON hr.plans_n (id);
--! unique index of partitions one by one
CREATE UNIQUE INDEX plans_once ON ONLY hr.plans (id, region);
--! foreign key to a partitioned table
CREATE TABLE hr.takers (id int PRIMARY KEY, shift int, region text);
ALTER TABLE hr.takers ADD FOREIGN KEY (shift, region) REFERENCES hr.shifts (id, region);
--! foreign key of a partitioned table
ALTER TABLE hr.plans ADD FOREIGN KEY (id) REFERENCES hr.people (id);
--! drop a foreign key to a partitioned table
ALTER TABLE hr.swaps DROP CONSTRAINT swaps_shift_id_region_fkey;
--! drop a foreign key of a partitioned table
ALTER TABLE hr.absences DROP CONSTRAINT absences_person_id_fkey;
--! trigger on a partitioned table
CREATE TRIGGER plans_audit AFTER UPDATE ON hr.plans FOR EACH ROW EXECUTE FUNCTION audit.note();
--! trigger on a partitioned table, fired
CREATE TRIGGER plans_audit AFTER UPDATE ON hr.plans FOR EACH ROW EXECUTE FUNCTION audit.note();
UPDATE hr.plans SET id = id WHERE id = 1;
--! column default of a partition
ALTER TABLE hr.absences_2023 ALTER COLUMN kind SET DEFAULT 'x';
--! vacuum a partitioned table's part [outside]
VACUUM ANALYZE hr.shifts_north;
--! reindex a partitioned table [outside]
REINDEX TABLE hr.shifts;
--! cluster outside [outside]
CLUSTER wide USING wide_pkey;
--! concurrent index that is there already [outside]
CREATE INDEX CONCURRENTLY IF NOT EXISTS wide_abc ON wide (a);
--! several concurrent indexes [each]
CREATE INDEX CONCURRENTLY kv_v ON kv (v);
DROP INDEX CONCURRENTLY IF EXISTS kv_v;
ALTER TABLE kv ADD COLUMN after_all int;
--! enum value outside, then used [each]
ALTER TYPE billing.level ADD VALUE IF NOT EXISTS 'giant';
UPDATE billing.customers SET level = 'giant' WHERE id = 2;
--! two transactions over one table [each]
BEGIN;
ALTER TABLE wide ADD COLUMN step int;
COMMIT;
UPDATE wide SET step = 1 WHERE id < 100;
BEGIN;
ALTER TABLE wide ALTER COLUMN step SET DEFAULT 1;
COMMIT;
--! renamed in one transaction, changed in the next [each]
ALTER TABLE kv RENAME TO pairs;
ALTER TABLE pairs RENAME COLUMN v TO value;
UPDATE pairs SET value = 'x' WHERE k = 'a';
--! made in one transaction, referred to in the next [each]
CREATE TABLE fresh (id int PRIMARY KEY);
ALTER TABLE notes ADD COLUMN fresh_id int REFERENCES fresh (id);
INSERT INTO fresh VALUES (1);
UPDATE notes SET fresh_id = 1 WHERE id = 1;
--! late constraints at a commit [each]
BEGIN;
UPDATE memberships SET project_id = 3 WHERE id = 1;
COMMIT;
--! set local in one transaction and not in the next [each]
BEGIN;
SET LOCAL search_path = tenant_a;
UPDATE items SET label = 'one' WHERE id = 1;
COMMIT;
UPDATE items SET label = 'two' WHERE id = 1;
--! copy a table of the same name over schemas
INSERT INTO tenant_b.items SELECT id + 900, label, owner_id FROM tenant_a.items;
--! exchange by schema
ALTER TABLE tenant_a.items SET SCHEMA audit;
ALTER TABLE items SET SCHEMA tenant_a;
--! update by a quoted alias
UPDATE "Post" AS "P" SET "Status" = 'DONE' FROM "User" AS "U" WHERE "U"."id" = "P"."authorId" AND "U"."Email" = 'e1';
--! update a parent's key with cascade in mixed case
UPDATE "User" SET "id" = 'u100' WHERE "id" = 'u1';
--! update a parent beside its key
UPDATE "User" SET "createdAt" = now() WHERE "id" = 'u1';
--! delete a parent with set null
DELETE FROM "User" WHERE "id" = 'u2';
--! delete a parent with set default
DELETE FROM hr.departments WHERE id = 1 AND false;
--! foreign key dropped and made not valid
ALTER TABLE users DROP CONSTRAINT fk_rails_61ac11da2b, ADD CONSTRAINT fk_again FOREIGN KEY (account_id) REFERENCES accounts (id) NOT VALID;
--! composite foreign key more
ALTER TABLE billing.line_taxes ADD CONSTRAINT again FOREIGN KEY (invoice_id, no) REFERENCES billing.lines (invoice_id, no) ON DELETE CASCADE NOT VALID;
--! self reference made
ALTER TABLE notes ADD COLUMN above int REFERENCES notes (id) ON DELETE SET NULL;
--! deferrable unique made
ALTER TABLE wide ADD CONSTRAINT wide_a_once UNIQUE (a) DEFERRABLE INITIALLY DEFERRED;
UPDATE wide SET a = a + 1;
--! exclusion made
ALTER TABLE spans ADD CONSTRAINT rooms EXCLUDE USING btree (room WITH =);
--! values written out with returning and a sequence
INSERT INTO logged_jobs (args) VALUES ('{}'), (NULL) RETURNING id;
--! values of a domain and an enum
INSERT INTO billing.customers (id, rate, email) VALUES (900, 5, 'a@b');
UPDATE billing.customers SET level = 'high' WHERE id = 900;
--! rows inserted and deleted again
INSERT INTO kv VALUES ('tmp', 'x');
DELETE FROM kv WHERE k = 'tmp';
--! parent and child inserted with keys that the script writes
INSERT INTO accounts (id, name) VALUES (9001, 'new');
INSERT INTO users (account_id, email) VALUES (9001, 'a@b');
--! parent found by a subquery
INSERT INTO users (account_id, email) SELECT id, 'sub@x' FROM accounts WHERE name = 'acc2';
--! cursor with hold [each]
BEGIN;
DECLARE c CURSOR WITH HOLD FOR SELECT id FROM wide;
COMMIT;
CLOSE c;
--! big explain analyse
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) DELETE FROM kv WHERE k = 'a';
--! row of a written key inserted, changed and deleted again
INSERT INTO kv VALUES ('tmp', 'x'), ('tmp2', 'x');
UPDATE kv SET v = 'y' WHERE k = 'tmp';
DELETE FROM kv WHERE k = 'tmp2';
--! row of a written key deleted and inserted anew
DELETE FROM kv WHERE k = 'b';
INSERT INTO kv VALUES ('b', 'x');
UPDATE kv SET v = 'y' WHERE k = 'b';
--! row of a written number deleted and inserted anew
DELETE FROM items WHERE id = 2;
INSERT INTO items VALUES (2, 'new', 1), (9001, 'new', 1);
DELETE FROM items WHERE id = 9001;
