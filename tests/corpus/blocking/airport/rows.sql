-- Rows of an airport: what meets none, what is the script's own, and what hangs on other rows.
--! nothing by a constant
UPDATE flights SET status = 'x' WHERE 1 = 0;
--! nothing by NULL
UPDATE settings SET value = 'x' WHERE key = NULL;
--! nothing by two constants
DELETE FROM stands WHERE id = 1 AND id = 2;
--! nothing by an empty list
UPDATE stands SET seen = now() WHERE id = ANY ('{}'::int[]);
--! nothing of what can not be NULL
UPDATE settings SET value = 'x' WHERE key IS NULL;
--! nothing by a limit
UPDATE queue SET done = true WHERE id IN (SELECT id FROM queue LIMIT 0);
--! nothing of a partitioned table
UPDATE desks SET airline = 'TW' WHERE false;
--! nothing of a partition that is not there
UPDATE desks SET airline = 'TW' WHERE hall = 'east';
--! nothing to lock
SELECT * FROM passengers WHERE false FOR UPDATE;
--! nothing to insert
INSERT INTO flights (number, from_id, to_id) SELECT 'x', 1, 2 WHERE false;
--! nothing to merge
MERGE INTO settings s USING (SELECT 'tz' AS key WHERE false) v ON s.key = v.key WHEN MATCHED THEN DELETE;
--! nothing to delete in a common table expression
WITH gone AS (DELETE FROM bookings WHERE false RETURNING *) INSERT INTO notice_log SELECT 1, seat FROM gone;
--! nothing through a view
UPDATE open_gates SET label = 'x' WHERE false;
--! nothing by a function that folds
DELETE FROM queue WHERE length('') > 0;
--! nothing in a block
DO $$ BEGIN UPDATE queue SET done = true WHERE 1 = 2; UPDATE settings SET value = 'y' WHERE key = 'tz'; END $$;
--! nothing in a loop without turns
DO $$ BEGIN FOR i IN 1..0 LOOP DELETE FROM queue WHERE id = i; END LOOP; END $$;
--! all in a loop over numbers
DO $$ BEGIN FOR i IN 1..2 LOOP UPDATE queue SET done = true WHERE id = i; END LOOP; END $$;
--! key constant in a block
DO $$ DECLARE which int := 2; BEGIN UPDATE stands SET seen = now() WHERE id = which; END $$;
--! child of a key constant in a block
DO $$ DECLARE f bigint := 1; BEGIN INSERT INTO bookings (flight_id, seat) VALUES (f, '9Z'); END $$;
--! row inserted and changed in a block
DO $$ DECLARE n int; BEGIN
  INSERT INTO passengers (name) VALUES ('Ed') RETURNING id INTO n;
  UPDATE passengers SET miles = 5 WHERE id = n;
END $$;
--! row inserted and deleted by its key in a block
DO $$ BEGIN
  INSERT INTO settings VALUES ('new', '1');
  UPDATE settings SET value = '2' WHERE key = 'new';
  DELETE FROM settings WHERE key = 'new';
END $$;
--! row inserted and changed by its key
INSERT INTO settings VALUES ('new', '1');
UPDATE settings SET value = '2' WHERE key = 'new';
--! row inserted and its key moved
INSERT INTO settings VALUES ('new', '1');
UPDATE settings SET key = 'newer' WHERE key = 'new';
DELETE FROM settings WHERE key = 'newer';
--! row inserted and referred to
INSERT INTO airlines VALUES ('NW', 'New');
INSERT INTO aircraft VALUES (90, 'NW', 'XX', 10);
INSERT INTO desks VALUES (90, 'south', 'NW');
--! row inserted and its key cascades
INSERT INTO airlines VALUES ('NW', 'New');
UPDATE airlines SET code = 'NX' WHERE code = 'NW';
--! row inserted, its key moved, referred to
INSERT INTO airlines VALUES ('NW', 'New');
UPDATE airlines SET code = 'NX' WHERE code = 'NW';
INSERT INTO aircraft VALUES (90, 'NX', 'XX', 10);
--! same name in the other schema
UPDATE ops.flights SET remark = 'x' WHERE id = 1;
--! same name by the path
SET LOCAL search_path = ops, public;
UPDATE flights SET remark = 'x' WHERE id = 1;
DELETE FROM gates WHERE id = 2;
--! same name by the path, in a block
SET LOCAL search_path = ops, public;
DO $$ BEGIN UPDATE flights SET remark = 'x' WHERE id = 1; END $$;
--! same name, inserted in one, changed in the other
INSERT INTO ops.flights VALUES (3, 'OPS3', 'c');
UPDATE public.flights SET delay = 5 WHERE id = 3;
--! same name, cascade
DELETE FROM ops.flights WHERE id = 1;
--! deferred parent
INSERT INTO bookings VALUES (3, '9A', 3, 'x');
--! deferred parent inserted later
INSERT INTO bookings VALUES (3, '9A', 77, 'x');
INSERT INTO passengers (id, name) VALUES (77, 'Late');
--! deferred parent deleted with its children
DELETE FROM bookings WHERE passenger_id = 3;
DELETE FROM passengers WHERE id = 3;
--! deferred key of itself
INSERT INTO passengers (id, name, companion_id) VALUES (80, 'Fi', 81), (81, 'Gus', 80);
--! deferred key moved
UPDATE bookings SET passenger_id = 3 WHERE flight_id = 2;
--! deferred key set to nobody
UPDATE bookings SET passenger_id = NULL WHERE flight_id = 2;
--! deferred key and its row deleted again
INSERT INTO bookings VALUES (3, '9A', 3, 'x');
DELETE FROM bookings WHERE flight_id = 3 AND seat = '9A';
--! upsert of a column without a trigger
INSERT INTO stands VALUES (1, 'S1') ON CONFLICT (id) DO UPDATE SET seen = now();
--! upsert of a column with a trigger
INSERT INTO stands VALUES (1, 'S1') ON CONFLICT (id) DO UPDATE SET uses = stands.uses + 1;
--! upsert of a label that is a key
INSERT INTO stands VALUES (1, 'S9') ON CONFLICT (id) DO UPDATE SET label = excluded.label;
--! upsert of a child beside its key
INSERT INTO bookings VALUES (1, '1A', 1) ON CONFLICT (flight_id, seat) DO UPDATE SET note = 'again';
--! upsert of a seat
INSERT INTO bookings VALUES (1, '1A', 1) ON CONFLICT (flight_id, seat) DO UPDATE SET seat = '7F';
--! upsert under no condition that holds
INSERT INTO settings VALUES ('tz', 'x') ON CONFLICT (key) DO UPDATE SET value = 'x' WHERE false;
--! upsert of a parent beside its key
INSERT INTO airports (id, iata, city) OVERRIDING SYSTEM VALUE VALUES (1, 'AMS', 'A') ON CONFLICT (id) DO UPDATE SET city = 'A';
--! upsert of a partitioned table
INSERT INTO desks VALUES (1, 'north', 'TW') ON CONFLICT (id, hall) DO UPDATE SET airline = 'LK';
--! upsert of a row of its own
INSERT INTO settings VALUES ('own', 'x');
INSERT INTO settings VALUES ('own', 'y') ON CONFLICT (key) DO UPDATE SET value = excluded.value;
--! upsert or nothing with a parent
INSERT INTO aircraft VALUES (1, 'TW', 'PH-AAA', 1) ON CONFLICT DO NOTHING;
--! statement trigger
UPDATE bags SET kilos = 11 WHERE id = 3;
--! statement trigger where no row is met
DELETE FROM bags WHERE false;
--! statement trigger by an upsert
INSERT INTO bags VALUES (1, 1, '1A') ON CONFLICT (id) DO UPDATE SET kilos = 9;
--! trigger of a column that is not set
UPDATE bookings SET note = 'n' WHERE flight_id = 1;
--! trigger of a column
UPDATE bookings SET seat = '8D' WHERE flight_id = 3;
--! delete with set default
DELETE FROM gates WHERE id = 4;
--! delete that cascades into partitions
DELETE FROM bags WHERE id = 4;
--! update that cascades
UPDATE airlines SET code = 'T2' WHERE code = 'BB';
--! update of a parent's identity
UPDATE airports SET id = DEFAULT WHERE iata = 'OSL';
--! update of a seat with its bags
UPDATE bookings SET seat = '1C' WHERE flight_id = 1 AND seat = '1A';
--! update that moves between partitions
UPDATE scans SET scanned_on = '2026-05-05' WHERE id = 5;
--! heirs of a parent
UPDATE crew SET base = 'OSL' WHERE id = 1;
--! rule instead of a delete
DELETE FROM notices WHERE id = 1;
--! rule of a view
UPDATE arrivals SET status = 'landed' WHERE id = 1;
--! lock one of two
SELECT * FROM flights f JOIN airports a ON a.id = f.to_id WHERE f.id = 1 FOR NO KEY UPDATE OF f;
--! lock for share in partitions
SELECT * FROM desks WHERE hall = 'north' FOR SHARE;
--! lock through a rule's view
SELECT * FROM open_gates FOR UPDATE;
--! take a job
WITH job AS (SELECT id FROM queue WHERE NOT done ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
UPDATE queue SET done = true FROM job WHERE queue.id = job.id RETURNING body;
--! block that takes jobs
DO $$ DECLARE j record; BEGIN
  FOR j IN SELECT id FROM queue WHERE NOT done FOR UPDATE LOOP
    UPDATE queue SET done = true WHERE id = j.id;
  END LOOP;
END $$;
--! block with a cursor
DO $$ DECLARE c CURSOR FOR SELECT * FROM stands FOR UPDATE; r record; BEGIN
  OPEN c; FETCH c INTO r;
  UPDATE stands SET seen = now() WHERE CURRENT OF c;
  CLOSE c;
END $$;
--! block that inserts a family
DO $$ DECLARE a int; BEGIN
  INSERT INTO airports (iata, city) VALUES ('ARN', 'Stockholm') RETURNING id INTO a;
  INSERT INTO gates (airport_id, label) VALUES (a, 'Z1');
  UPDATE airports SET country = 'SE' WHERE id = a;
END $$;
--! common table expressions that write three tables
WITH n AS (INSERT INTO airports (iata) VALUES ('HEL') RETURNING id),
     g AS (INSERT INTO gates (airport_id, label) SELECT id, 'H1' FROM n RETURNING id)
UPDATE totals SET n = totals.n + 1 WHERE what = 'crew';
--! merge in three ways
MERGE INTO stands s USING (VALUES (1, 'S1'), (9, 'S9')) v (id, label) ON s.id = v.id
 WHEN MATCHED THEN UPDATE SET seen = now() WHEN NOT MATCHED THEN INSERT (id, label) VALUES (v.id, v.label);
--! merge that only inserts
MERGE INTO aircraft t USING (VALUES (50, 'TW')) v (id, airline) ON t.id = v.id
 WHEN NOT MATCHED THEN INSERT (id, airline) VALUES (v.id, v.airline);
--! merge into a child
MERGE INTO bookings b USING (VALUES (1, '1A')) v (f, s) ON b.flight_id = v.f AND b.seat = v.s WHEN MATCHED THEN UPDATE SET note = 'm';
--! function called for a key
SELECT bump_miles(2, 10);
--! function called for no row
SELECT bump_miles(id, 10) FROM passengers WHERE false;
--! procedure that deletes
CALL retire(3);
--! excluded range
UPDATE slots SET during = '[7,9)' WHERE id = 2;
--! tree
DELETE FROM shifts WHERE id = 1;
--! undone by an exception
DO $$ BEGIN
  BEGIN UPDATE queue SET done = true WHERE id = 1; RAISE EXCEPTION 'no'; EXCEPTION WHEN others THEN NULL; END;
  UPDATE settings SET value = 'z' WHERE key = 'tz';
END $$;
--! undone by a savepoint
SAVEPOINT a;
DELETE FROM queue WHERE id = 1;
ROLLBACK TO a;
UPDATE settings SET value = 'z' WHERE key = 'tz';
--! copies of partitions with parents
INSERT INTO scans SELECT id + 100, scanned_on, bag_id, place FROM scans;
--! insert with null in half of the key
INSERT INTO bags VALUES (50, 1, NULL);
--! update own key, deferred companions
UPDATE passengers SET id = 90 WHERE id = 4;
--! table made, filled, changed
CREATE TABLE lounges (id int PRIMARY KEY, gate_id int REFERENCES gates);
INSERT INTO lounges VALUES (1, 1);
UPDATE lounges SET id = 2;
--! key set to what it is
UPDATE airlines SET code = code;
--! key set to what it is beside another column
UPDATE airports SET iata = iata, city = 'x' WHERE id = 1;
--! key set to what it is under a trigger of another column
UPDATE stands SET id = id, seen = now();
--! key set to what it is under a trigger of rows
UPDATE stands SET id = id, uses = 1;
--! key of two columns of which one is set to what it is
UPDATE bookings SET flight_id = flight_id, seat = '8A' WHERE flight_id = 1 AND seat = '1A';
--! reference set to what it is
UPDATE bookings SET passenger_id = passenger_id, note = 'y';
--! partition key set to what it is
UPDATE scans SET scanned_on = scanned_on, place = 'x' WHERE scanned_on = '2026-01-10';
--! heirs under a view of only their parent
UPDATE pilots SET name = 'x';
--! heirs locked under a view of only their parent
LOCK TABLE stewards IN ACCESS EXCLUSIVE MODE;
--! parent and heirs under a view of only the parent
UPDATE crew SET base = 'AMS';
--! through a view of only the parent
UPDATE ground_crew SET base = 'AMS';
