-- Code: blocks, functions, procedures, triggers.
--! loop over all tables of a schema
DO $$
DECLARE r record;
BEGIN
  FOR r IN SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname IN ('tenant_a', 'tenant_b') AND c.relkind = 'r' LOOP
    EXECUTE format('ALTER TABLE %I.%I ADD COLUMN created timestamptz', r.nspname, r.relname);
  END LOOP;
END $$;
--! loop over an array of schemas
DO $$
DECLARE s text;
BEGIN
  FOREACH s IN ARRAY ARRAY['tenant_a', 'tenant_b'] LOOP
    EXECUTE 'CREATE INDEX ON ' || quote_ident(s) || '.items (label)';
    EXECUTE 'UPDATE ' || quote_ident(s) || '.items SET label = $1 WHERE id = $2' USING 'x', 1;
  END LOOP;
END $$;
--! loop with search_path
DO $$
DECLARE s text;
BEGIN
  FOREACH s IN ARRAY ARRAY['tenant_a'] LOOP
    PERFORM set_config('search_path', s, true);
    UPDATE items SET label = 'x';
  END LOOP;
END $$;
--! search_path for rows
SET LOCAL search_path = tenant_b, public;
UPDATE items SET label = 'x' WHERE id = 2;
--! search_path for deletes
SET search_path TO tenant_b;
DELETE FROM owners WHERE id = 1;
--! search_path that goes back
SET LOCAL search_path TO tenant_a;
UPDATE items SET label = 'a' WHERE id = 1;
RESET search_path;
UPDATE items SET label = 'p' WHERE id = 1;
--! search_path of an altered table and rows
SET search_path = tenant_a, public;
ALTER TABLE items ADD COLUMN z int;
UPDATE items SET z = 1;
--! search_path with a function's own
CREATE FUNCTION fix_items() RETURNS void LANGUAGE sql SET search_path = tenant_b AS $$ UPDATE items SET label = 'f' $$;
SELECT fix_items();
--! lock in another schema of the path
SET search_path = tenant_b, public;
SELECT * FROM items WHERE id = 1 FOR UPDATE;
--! insert in another schema of the path
SET search_path = tenant_b, public;
INSERT INTO items VALUES (900, 'x', 2);
--! truncate in another schema of the path
SET search_path = tenant_b;
TRUNCATE owners CASCADE;
--! role that sees another table by its name
CREATE SCHEMA app_writer;
CREATE TABLE app_writer.items (id int, label text);
INSERT INTO app_writer.items VALUES (1, 'x');
UPDATE app_writer.items SET label = 'y';
--! block with nested exceptions that adds
DO $$
BEGIN
  BEGIN
    ALTER TABLE wide ADD COLUMN a int;
  EXCEPTION WHEN duplicate_column THEN RAISE NOTICE 'column a is there';
  END;
  BEGIN
    ALTER TABLE kv ADD COLUMN extra int;
  EXCEPTION WHEN duplicate_column THEN NULL;
  END;
END $$;
--! block that tries to make a constraint that is there
DO $$ BEGIN
  ALTER TABLE "Post" ADD CONSTRAINT "Post_authorId_fkey" FOREIGN KEY ("authorId") REFERENCES "User"("id");
EXCEPTION WHEN duplicate_object THEN null;
END $$;
--! block that makes a type that is there
DO $$ BEGIN
  CREATE TYPE billing.level AS ENUM ('low');
EXCEPTION WHEN duplicate_object THEN null;
END $$;
--! block whose handler writes
DO $$ BEGIN
  INSERT INTO kv (k, v) VALUES ('a', 'again');
EXCEPTION WHEN unique_violation THEN
  UPDATE kv SET v = 'again' WHERE k = 'a';
END $$;
--! block that catches others and goes on
DO $$ BEGIN
  BEGIN
    EXECUTE 'DROP INDEX no_such_index';
  EXCEPTION WHEN OTHERS THEN
    RAISE NOTICE '%', SQLERRM;
  END;
  CREATE INDEX on_kv_v ON kv (v);
END $$;
--! function made, used and dropped
CREATE FUNCTION pg_temp.fill(n int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE wide SET c = n WHERE c < n;
END $$;
SELECT pg_temp.fill(3);
--! function that adds a column where it lacks
SELECT add_column_once('kv', 'fresh', 'int');
--! function that finds its column there
SELECT add_column_once('kv', 'v', 'int');
--! function over rows of another table
SELECT hr.raise_all(1.1);
--! call a procedure of SQL
CALL quiet_fill();
--! call a procedure that calls
CALL outer_call();
--! call a procedure that commits [each]
CALL purge(3);
--=
begin;
delete from logged_jobs where id < 3;
commit;
begin;
update kv set v = 'purged' where k = 'a';
commit;
--! procedure made, called, dropped [each]
CREATE PROCEDURE twice() LANGUAGE plpgsql AS $$
BEGIN
  UPDATE notes SET body = 'x' WHERE id < 3;
  COMMIT;
  ALTER TABLE notes ADD COLUMN n int;
  COMMIT;
END $$;
CALL twice();
DROP PROCEDURE twice();
--=
begin;
update notes set body = 'x' where id < 3;
commit;
begin;
alter table notes add column n int;
commit;
--! block that commits in batches [each]
DO $$
DECLARE i int;
BEGIN
  FOR i IN 1..2 LOOP
    UPDATE wide SET d = 'b' WHERE id = i;
    COMMIT;
  END LOOP;
END $$;
--=
update wide set d = 'b' where id = 1;
update wide set d = 'b' where id = 2;
--! upsert by a function
SELECT upsert_kv('a', 'x');
--! upsert by a function of a new key
SELECT upsert_kv('fresh', 'x');
--! function in a select list over another table
SELECT upsert_kv(k, 'y') FROM kv WHERE k IN ('b', 'c');
--! function in a where that writes nothing
SELECT * FROM hr.departments WHERE hr.may_see(id);
--! rows with an audit trigger
UPDATE billing.invoices SET paid = true WHERE id = 1;
--! rows with a trigger on a trigger
UPDATE billing.lines SET cents = 7 WHERE invoice_id = 1 AND no = 1;
--! insert with a trigger that sums up
INSERT INTO billing.lines VALUES (2, 2, 5, 'x');
--! delete that cascades into triggers
DELETE FROM billing.invoices WHERE id = 2;
--! lock what a trigger of a trigger writes
LOCK TABLE audit.log IN SHARE MODE;
--! alter what a trigger writes
ALTER TABLE audit.log ADD COLUMN who text;
--! alter what a trigger sums up in
ALTER TABLE billing.invoices ADD COLUMN x int;
--! alter what a statement trigger counts in
ALTER TABLE audit.counts ALTER COLUMN n SET DEFAULT 5, ADD CHECK (n >= 0);
--! rows that a statement trigger counts in
UPDATE audit.counts SET n = 0;
--! update with a statement trigger
UPDATE documents SET state = 'x' WHERE title = 'd1';
--! insert with a statement trigger
INSERT INTO documents (title) VALUES ('new');
--! update that meets nothing with a statement trigger
UPDATE documents SET state = 'x' WHERE title = 'nobody';
--! delete that a trigger turns into an update
DELETE FROM notes WHERE id = 1;
--! update with a disabled trigger
UPDATE switched SET label = 'x' WHERE id = 1;
--! lock beside a disabled trigger
LOCK TABLE audit.log IN EXCLUSIVE MODE;
--! enable a trigger and update
ALTER TABLE switched ENABLE TRIGGER switched_audit;
UPDATE switched SET label = 'x' WHERE id = 1;
--! disable all triggers of a table around an update
ALTER TABLE billing.invoices DISABLE TRIGGER USER;
UPDATE billing.invoices SET paid = true;
ALTER TABLE billing.invoices ENABLE TRIGGER USER;
--! update with a transition table
UPDATE transitions SET label = 'x' WHERE id = 1;
--! insert that a trigger places in an heir
INSERT INTO measures (id, value) VALUES (200, 1);
--! alter the heir that a trigger writes
ALTER TABLE measures_new ADD COLUMN unit text;
--! trigger anew with or replace
CREATE OR REPLACE TRIGGER invoices_audit AFTER INSERT ON billing.invoices FOR EACH ROW EXECUTE FUNCTION audit.note();
--! replace a trigger's function
CREATE OR REPLACE FUNCTION audit.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
--! rename a trigger
ALTER TRIGGER invoices_audit ON billing.invoices RENAME TO inv;
--! constraint trigger made
CREATE CONSTRAINT TRIGGER late AFTER UPDATE ON kv DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit.note();
--! block with a cursor
DO $$
DECLARE c CURSOR FOR SELECT id FROM logged_jobs WHERE state = 'queued' FOR UPDATE;
BEGIN
  FOR r IN c LOOP
    UPDATE logged_jobs SET attempts = attempts + 1 WHERE CURRENT OF c;
  END LOOP;
END $$;
--! block with a while loop and a limit
DO $$
DECLARE n int := 1;
BEGIN
  WHILE n > 0 LOOP
    WITH batch AS (SELECT id FROM wide WHERE a IS NOT NULL LIMIT 2), done AS (UPDATE wide SET a = NULL WHERE id IN (SELECT id FROM batch) RETURNING 1)
    SELECT count(*) INTO n FROM done;
  END LOOP;
END $$;
--! block with case and return
DO $$
DECLARE v text := current_setting('server_version_num');
BEGIN
  CASE WHEN v::int >= 100000 THEN
    ALTER TABLE kv SET (fillfactor = 70);
  ELSE
    ALTER TABLE wide SET (fillfactor = 70);
  END CASE;
  RETURN;
  ALTER TABLE notes ADD COLUMN never int;
END $$;
--! block that asks regclass
DO $$ BEGIN
  IF to_regclass('public.kv') IS NOT NULL AND to_regclass('public.nobody') IS NULL THEN
    ALTER TABLE kv ADD COLUMN here int;
  END IF;
END $$;
--! block that asks pg_constraint
DO $$
DECLARE c text;
BEGIN
  SELECT conname INTO c FROM pg_constraint WHERE conrelid = 'memberships'::regclass AND contype = 'f' AND confrelid = 'projects'::regclass;
  IF c IS NOT NULL THEN
    EXECUTE 'ALTER TABLE memberships DROP CONSTRAINT ' || quote_ident(c);
  END IF;
END $$;
--! block in which a select into locks
DO $$
DECLARE v text;
BEGIN
  SELECT k INTO v FROM kv WHERE k = 'b' FOR UPDATE;
END $$;
--! block of plain SQL functions
DO $$ BEGIN PERFORM upsert_kv('c', 'z'); PERFORM nextval('numbered_no'); END $$;
--! block that raises an exception in a subtransaction after locking
DO $$ BEGIN
  BEGIN
    LOCK TABLE wide IN SHARE MODE;
    RAISE EXCEPTION 'stop';
  EXCEPTION WHEN raise_exception THEN NULL;
  END;
END $$;
--! dynamic grant over tables
DO $$
DECLARE t text;
BEGIN
  FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'tenant_a' LOOP
    EXECUTE format('GRANT SELECT ON tenant_a.%I TO app_reader', t);
  END LOOP;
END $$;
--! event trigger that writes
CREATE FUNCTION on_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO audit.log (tbl, op) VALUES (tg_tag, 'ddl'); END $$;
CREATE EVENT TRIGGER on_ddl ON ddl_command_end EXECUTE FUNCTION on_ddl();
ALTER TABLE wide ADD COLUMN q int;
--! prepared statements by name
PREPARE one (text, text) AS INSERT INTO kv (k, v) VALUES ($1, $2) ON CONFLICT (k) DO UPDATE SET v = excluded.v;
EXECUTE one ('a', 'x');
EXECUTE one ('new', 'x');
DEALLOCATE one;
--! prepared delete
PREPARE gone (int) AS DELETE FROM tree WHERE id = $1;
EXECUTE gone (5);
