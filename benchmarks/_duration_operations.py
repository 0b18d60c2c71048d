"""The tables and the operations that durations are scored on.

Not what anything is calibrated by: the rates come from samples of other tables. The surprising thing: the tables are filled in
the order of their keys but for their tokens, as applications do it, so half of the indexes have entries at random places.
"""

from __future__ import annotations

SETUP = """
CREATE TABLE owners (id bigint PRIMARY KEY, name text NOT NULL);
INSERT INTO owners SELECT g, 'owner ' || g FROM generate_series(1, 200) g;
CREATE TABLE items (
    id bigint PRIMARY KEY, owner_id bigint NOT NULL, kind text NOT NULL, amount integer NOT NULL, note text,
    created_at timestamptz NOT NULL, token text NOT NULL
);
INSERT INTO items
SELECT g, 1 + g % 200, 'kind ' || g % 7, g % 1000, repeat(md5(g::text), 3), now() - g * interval '1 minute', md5(g::text)
FROM generate_series(1, {rows}) g;
CREATE INDEX items_owner ON items (owner_id);
CREATE UNIQUE INDEX items_token ON items (token);
CREATE TABLE events (id bigint PRIMARY KEY, at timestamptz NOT NULL, payload jsonb NOT NULL);
INSERT INTO events
SELECT g, now() - g * interval '1 second',
       jsonb_build_object('user', g % 5000, 'what', 'click', 'where', repeat(md5(g::text), 4))
FROM generate_series(1, {rows}) g;
CREATE TABLE accounts (id bigint PRIMARY KEY, email text NOT NULL UNIQUE);
INSERT INTO accounts SELECT g, md5(g::text) || '@example.org' FROM generate_series(1, {rows} / 10) g;
CREATE TABLE orders (
    id bigint PRIMARY KEY, account_id bigint NOT NULL REFERENCES accounts ON DELETE CASCADE, total numeric NOT NULL,
    tags text[] NOT NULL
);
INSERT INTO orders
SELECT g, 1 + g % ({rows} / 10), g * 1.5, ARRAY['t' || g % 50, 'u' || g % 11] FROM generate_series(1, {rows} / 2) g;
CREATE INDEX orders_account ON orders (account_id);
CREATE TABLE log (id bigint NOT NULL, item bigint, line text NOT NULL);
INSERT INTO log SELECT g, g, 'line ' || g FROM generate_series(1, {rows}) g;
CREATE TABLE audited (id bigint PRIMARY KEY, value integer NOT NULL, changed_at timestamptz);
INSERT INTO audited SELECT g, g FROM generate_series(1, {rows} / 4) g;
CREATE FUNCTION note_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.changed_at := now(); RETURN NEW; END $$;
CREATE TRIGGER note BEFORE UPDATE ON audited FOR EACH ROW EXECUTE FUNCTION note_change();
CREATE MATERIALIZED VIEW per_owner AS
SELECT owner_id, kind, count(*) AS items, max(created_at) AS last FROM items GROUP BY 1, 2;
CREATE TABLE parts (id bigint NOT NULL, at integer NOT NULL, value text) PARTITION BY RANGE (at);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (50);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (50) TO (100);
INSERT INTO parts SELECT g, g % 100, md5(g::text) FROM generate_series(1, {rows} / 2) g;
CREATE TABLE parts_3 (LIKE parts);
INSERT INTO parts_3 SELECT g, 100 + g % 50, md5(g::text) FROM generate_series(1, {rows} / 4) g;
"""

OPERATIONS = {
    "add column": "ALTER TABLE items ADD COLUMN extra integer",
    "add column with default": "ALTER TABLE items ADD COLUMN state text NOT NULL DEFAULT 'new'",
    "add random column": "ALTER TABLE items ADD COLUMN code uuid NOT NULL DEFAULT gen_random_uuid()",
    "add generated column": "ALTER TABLE items ADD COLUMN twice integer GENERATED ALWAYS AS (amount * 2) STORED",
    "drop column": "ALTER TABLE items DROP COLUMN note",
    "update all": "UPDATE items SET amount = amount + 1",
    "update indexed": "UPDATE items SET owner_id = owner_id + 1",
    "update one": "UPDATE items SET amount = 0 WHERE id = 17",
    "update a seventh": "UPDATE items SET amount = 0 WHERE kind = 'kind 3'",
    "update joined": "UPDATE items SET note = o.name FROM owners o WHERE o.id = items.owner_id",
    "update json": "UPDATE events SET payload = payload || '{\"version\": 2}'",
    "update with trigger": "UPDATE audited SET value = value + 1",
    "backfill": "ALTER TABLE items ADD COLUMN total bigint; UPDATE items SET total = amount WHERE total IS NULL",
    "backfill, not null": (
        "ALTER TABLE items ADD COLUMN f text; UPDATE items SET f = kind; ALTER TABLE items ALTER f SET NOT NULL"
    ),
    "backfill, indexed": "ALTER TABLE log ADD COLUMN at date; UPDATE log SET at = now(); CREATE INDEX log_at ON log (at, id)",
    "type rewrite": "ALTER TABLE items ALTER COLUMN amount TYPE bigint",
    "type to varchar": "ALTER TABLE log ALTER COLUMN line TYPE varchar(200)",
    "index": "CREATE INDEX items_created ON items (created_at)",
    "index on text": "CREATE INDEX items_kind ON items (kind, token)",
    "unique index": "CREATE UNIQUE INDEX log_id ON log (id, item)",
    "partial index": "CREATE INDEX items_some ON items (created_at) WHERE kind = 'kind 3'",
    "expression index": "CREATE INDEX items_upper ON items (upper(token))",
    "gin index on array": "CREATE INDEX orders_tags ON orders USING gin (tags)",
    "gin index on json": "CREATE INDEX events_payload ON events USING gin (payload)",
    "brin index": "CREATE INDEX events_at ON events USING brin (at)",
    "hash index": "CREATE INDEX log_line ON log USING hash (line)",
    "index concurrently": "CREATE INDEX CONCURRENTLY items_created ON items (created_at)",
    "reindex": "REINDEX TABLE items",
    "set not null": "ALTER TABLE items ALTER COLUMN note SET NOT NULL",
    "check": "ALTER TABLE items ADD CONSTRAINT positive CHECK (amount >= 0)",
    "check, validated later": (
        "ALTER TABLE items ADD CONSTRAINT positive CHECK (amount >= 0) NOT VALID; "
        "ALTER TABLE items VALIDATE CONSTRAINT positive"
    ),
    "foreign key": "ALTER TABLE items ADD CONSTRAINT owned FOREIGN KEY (owner_id) REFERENCES owners (id)",
    "foreign key to large": "ALTER TABLE log ADD CONSTRAINT logged FOREIGN KEY (item) REFERENCES items (id)",
    "unique constraint": "ALTER TABLE events ADD CONSTRAINT events_once UNIQUE (at, id)",
    "primary key": "ALTER TABLE log ADD PRIMARY KEY (id)",
    "delete half": "DELETE FROM items WHERE amount < 500",
    "delete one": "DELETE FROM items WHERE id = 17",
    "delete all": "DELETE FROM events",
    "delete with cascade": "DELETE FROM accounts WHERE id % 2 = 0",
    "truncate": "TRUNCATE log",
    "drop table": "DROP TABLE log",
    "copy": "CREATE TABLE items_copy AS SELECT * FROM items",
    "aggregate": "CREATE TABLE sums AS SELECT owner_id, sum(amount) AS amount FROM items GROUP BY owner_id",
    "insert select": "CREATE TABLE seen (item bigint, at timestamptz); INSERT INTO seen SELECT id, created_at FROM items",
    "insert into indexed": (
        "INSERT INTO items SELECT id + 10000000, owner_id, kind, amount, note, created_at, 'x' || token FROM items "
        "WHERE id % 4 = 0"
    ),
    "insert with foreign key": "INSERT INTO orders SELECT id + 10000000, account_id, total, tags FROM orders",
    "upsert": "INSERT INTO audited SELECT id, value FROM audited ON CONFLICT (id) DO UPDATE SET value = 0",
    "refresh": "REFRESH MATERIALIZED VIEW per_owner",
    "vacuum full": "VACUUM FULL items",
    "cluster": "CLUSTER items USING items_token",
    "set unlogged": "ALTER TABLE log SET UNLOGGED",
    "attach partition": "ALTER TABLE parts ATTACH PARTITION parts_3 FOR VALUES FROM (100) TO (150)",
    "update partitioned": "UPDATE parts SET value = 'x'",
    "count": "SELECT count(*) FROM items",
    "scopes": (
        "ALTER TABLE items ADD COLUMN scopes text[]; UPDATE items SET scopes = ARRAY[kind]; "
        "ALTER TABLE items ALTER scopes SET NOT NULL; CREATE INDEX items_scopes ON items USING gin (scopes); "
        "ALTER TABLE items ALTER COLUMN amount TYPE bigint"
    ),
}

OUTSIDE = ("index concurrently", "vacuum full")
"""Those that no transaction block takes."""
