-- Users who wait for what no lock on their own table shows.
--! alter what a statement trigger upserts
ALTER TABLE audit.counts ADD COLUMN at timestamptz;
--! rows that a statement trigger upserts
UPDATE audit.counts SET n = n + 1 WHERE tbl = 'documents';
--! rows that a rule inserts beside
LOCK TABLE audit.counts IN SHARE MODE;
--! lock an heir that a trigger fills
LOCK TABLE measures_old IN SHARE MODE;
--! truncate what a transition trigger fills
TRUNCATE audit.log;
--! lock the parent of what a trigger of a cascade fills
LOCK TABLE billing.invoices IN SHARE ROW EXCLUSIVE MODE;
--! alter a parent over three generations
ALTER TABLE accounts ALTER COLUMN name TYPE text;
--! lock a parent over three generations
LOCK TABLE accounts IN EXCLUSIVE MODE;
--! lock a child in the middle
LOCK TABLE users IN EXCLUSIVE MODE;
--! lock a grandchild
LOCK TABLE memberships IN EXCLUSIVE MODE;
--! delete all grandchildren
DELETE FROM memberships;
--! delete all children in the middle
DELETE FROM users;
--! share a late parent's rows
SELECT id FROM projects FOR SHARE;
--! key share of all parents
SELECT id FROM accounts FOR KEY SHARE;
--! update all parents beside their keys
UPDATE accounts SET plan = 1;
--! lock a self-referring table
LOCK TABLE tree IN SHARE MODE;
--! rows of a self-referring table
UPDATE tree SET label = 'x' WHERE id = 1;
--! delete a leaf of a self-referring table
DELETE FROM tree WHERE id = 3;
--! lock what a materialised view reads
LOCK TABLE billing.invoices IN ACCESS EXCLUSIVE MODE;
--! lock a materialised view's reader
DROP VIEW billing.totals_view;
--! alter the type behind a domain's table
ALTER TABLE billing.customers ALTER COLUMN home DROP DEFAULT;
--! alter the domain's type of a key
ALTER TABLE users ALTER COLUMN email TYPE text;
--! alter a sequence that an identity uses
ALTER TABLE audit.log ALTER COLUMN id SET INCREMENT BY 2;
--! sequence that a trigger's insert draws on
ALTER SEQUENCE audit.log_id_seq RESTART WITH 10000;
--! sequence of two that fill the same table
ALTER SEQUENCE accounts_id_seq CACHE 20;
--! a trigger made that asks a table, then that table
CREATE FUNCTION ask() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM notes WHERE id = new.id) THEN RETURN new; END IF;
  RETURN new;
END $$;
CREATE TRIGGER ask BEFORE INSERT ON kv FOR EACH ROW EXECUTE FUNCTION ask();
ALTER TABLE notes ADD COLUMN asked int;
--! update all of a partition
UPDATE hr.absences_2023 SET kind = 'x';
--! update all of a partitioned table
UPDATE hr.absences SET kind = 'x';
--! delete all of a default partition
DELETE FROM hr.absences_rest;
--! lock one hash partition
LOCK TABLE hr.shifts_south_1 IN SHARE MODE;
--! lock the middle of three levels
LOCK TABLE ONLY hr.plans_s IN ACCESS EXCLUSIVE MODE;
--! truncate the middle of three levels
TRUNCATE hr.plans_s;
--! index of the middle of three levels
CREATE INDEX ON hr.shifts_south (at);
--! trigger of a leaf
CREATE TRIGGER leaf AFTER INSERT ON hr.plans_s_0 FOR EACH ROW EXECUTE FUNCTION audit.note();
--! key of a leaf
ALTER TABLE hr.plans_s_0 ADD PRIMARY KEY (id);
--! null of a partitioned table
ALTER TABLE hr.plans ALTER COLUMN id DROP NOT NULL;
--! drop the middle of three levels
DROP TABLE hr.plans_s;
--! row security that asks another table, and that table
CREATE POLICY by_account ON projects USING (account_id IN (SELECT id FROM accounts));
ALTER TABLE projects ENABLE ROW LEVEL SECURITY;
--! check by a function that reads, and what it reads
ALTER TABLE wide ADD CONSTRAINT seen CHECK (hr.may_see(1)) NOT VALID;
--! default by a function that reads
ALTER TABLE kv ALTER COLUMN v SET DEFAULT hr.may_see(1)::text;
--! generated column, and what follows [each]
ALTER TABLE wide ADD COLUMN g2 int GENERATED ALWAYS AS (a * 2) STORED;
CREATE INDEX CONCURRENTLY wide_g2 ON wide (g2);
--! procedure that commits in a loop [each]
CREATE PROCEDURE steps() LANGUAGE plpgsql AS $$
DECLARE i int;
BEGIN
  FOR i IN 1..3 LOOP
    UPDATE notes SET body = 'step' WHERE id = i;
    COMMIT;
  END LOOP;
  ALTER TABLE notes ADD COLUMN stepped boolean;
END $$;
CALL steps();
--=
update notes set body = 'step' where id = 1;
update notes set body = 'step' where id = 2;
update notes set body = 'step' where id = 3;
alter table notes add column stepped boolean;
--! trigger switched off in one transaction, on in the next [each]
ALTER TABLE billing.invoices DISABLE TRIGGER invoices_audit;
UPDATE billing.invoices SET paid = true WHERE id = 1;
ALTER TABLE billing.invoices ENABLE TRIGGER invoices_audit;
--! constraint in three steps [each]
ALTER TABLE users ADD CONSTRAINT mail_there CHECK (email IS NOT NULL) NOT VALID;
ALTER TABLE users VALIDATE CONSTRAINT mail_there;
BEGIN;
ALTER TABLE users ALTER COLUMN email SET NOT NULL;
ALTER TABLE users DROP CONSTRAINT mail_there;
COMMIT;
