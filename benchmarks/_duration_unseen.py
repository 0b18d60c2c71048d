"""Tables and operations that no formula was fitted on: what a forecast of durations is worth on somebody else's database.

Not for calibrating or fitting by: half of them (``BLIND``) was never looked at one by one while the model was changed, and a
change that is made because of one of those moves it out of that half. The surprising thing: the tables differ from those that
the formulas know in what they hold (uuid keys, documents, arrays, texts in TOAST, nine indexes on one table), not in size.
"""

from __future__ import annotations

SETUP = """
CREATE TABLE people (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, ref uuid NOT NULL, tenant integer NOT NULL, email varchar(120) NOT NULL,
    born date, score double precision, level smallint NOT NULL, attributes jsonb NOT NULL, tags text[] NOT NULL,
    code text NOT NULL, created timestamp NOT NULL, deleted_at timestamptz
);
INSERT INTO people (ref, tenant, email, born, score, level, attributes, tags, code, created, deleted_at)
SELECT md5('r' || g)::uuid, g % 37, 'person' || g || '@host' || g % 90 || '.example', date '1950-01-01' + (g * 7) % 20000,
       (g * 37) % 1000 / 7.0, g % 10, jsonb_build_object('city', 'city ' || g % 300, 'plan', g % 4, 'note', md5(g::text)),
       ARRAY['a' || g % 20, 'b' || g % 7, 'c' || g % 500], md5('c' || g), timestamp '2020-01-01' + g * interval '1 minute',
       CASE WHEN g % 20 = 0 THEN now() END
FROM generate_series(1, {rows}) g;
CREATE UNIQUE INDEX people_ref ON people (ref);
CREATE INDEX people_email ON people (lower(email));
CREATE INDEX people_tags ON people USING gin (tags);
CREATE INDEX people_code ON people USING hash (code);
CREATE INDEX people_created ON people USING brin (created);
CREATE INDEX people_live ON people (tenant, level) WHERE deleted_at IS NULL;
CREATE INDEX people_cover ON people (tenant) INCLUDE (score, born);
CREATE TABLE plain (
    id uuid PRIMARY KEY, tenant integer NOT NULL, name varchar(80) NOT NULL, raw text NOT NULL, at timestamp NOT NULL,
    amount integer NOT NULL, span int4range NOT NULL
);
INSERT INTO plain
SELECT md5(g::text)::uuid, g % 50, 'name number ' || g, '{"a": ' || g || ', "b": "' || md5(g::text) || '"}',
       timestamp '2021-01-01' + g * interval '7 seconds', (g * 7919) % 100000, int4range(g * 10, g * 10 + 5)
FROM generate_series(1, {rows}) g;
CREATE TABLE visits (
    id bigserial PRIMARY KEY, person bigint NOT NULL, page text NOT NULL, at timestamptz NOT NULL, seconds integer
);
INSERT INTO visits (person, page, at, seconds)
SELECT 1 + (g * 31) % {rows}, '/page/' || g % 1000, now() - g * interval '3 seconds', g % 600
FROM generate_series(1, {rows} * 2) g;
CREATE INDEX visits_person ON visits (person);
CREATE TABLE documents (
    id uuid PRIMARY KEY, title varchar(200) NOT NULL, body text NOT NULL, meta jsonb NOT NULL, revision integer NOT NULL
);
INSERT INTO documents
SELECT md5('d' || g)::uuid, 'A title of document ' || g || ' about ' || md5(g::text),
       (SELECT string_agg(md5(g || ' ' || n), ' ') FROM generate_series(1, 120) n), jsonb_build_object('author', g % 100), 1
FROM generate_series(1, {rows} / 20) g;
CREATE TABLE tenants (id integer PRIMARY KEY, name text NOT NULL);
INSERT INTO tenants SELECT g, 'tenant ' || g FROM generate_series(0, 999) g;
CREATE TABLE projects (
    id bigserial PRIMARY KEY, tenant integer NOT NULL REFERENCES tenants ON DELETE CASCADE, name text NOT NULL
);
INSERT INTO projects (tenant, name) SELECT g % 1000, 'project ' || g FROM generate_series(1, {rows} / 10) g;
CREATE INDEX projects_tenant ON projects (tenant);
CREATE TABLE tasks (
    id bigserial PRIMARY KEY, project bigint NOT NULL REFERENCES projects ON DELETE CASCADE, state text NOT NULL, done boolean
);
INSERT INTO tasks (project, state) SELECT 1 + g % ({rows} / 10), 'open' FROM generate_series(1, {rows}) g;
CREATE INDEX tasks_project ON tasks (project);
CREATE TABLE remarks (id bigserial PRIMARY KEY, project bigint REFERENCES projects ON DELETE SET NULL, text text);
INSERT INTO remarks (project, text) SELECT 1 + g % ({rows} / 10), md5(g::text) FROM generate_series(1, {rows} / 2) g;
CREATE TABLE grid (a integer, b integer, value text, PRIMARY KEY (a, b));
INSERT INTO grid SELECT g % 100, g / 100, 'v' || g FROM generate_series(1, {rows}) g;
CREATE TABLE cells (id bigint, a integer, b integer, seen date);
INSERT INTO cells SELECT g, g % 100, g / 100, current_date FROM generate_series(1, {rows}) g;
CREATE TABLE measures (device integer NOT NULL, at timestamptz NOT NULL, value double precision) PARTITION BY RANGE (at);
CREATE TABLE measures_1 PARTITION OF measures FOR VALUES FROM ('2024-01-01+0') TO ('2024-02-01+0');
CREATE TABLE measures_2 PARTITION OF measures FOR VALUES FROM ('2024-02-01+0') TO ('2024-03-01+0');
CREATE TABLE measures_3 PARTITION OF measures FOR VALUES FROM ('2024-03-01+0') TO ('2024-04-01+0');
INSERT INTO measures
SELECT g % 200, timestamptz '2024-01-01+0' + (g % 90) * interval '1 day' + g * interval '1 millisecond', g / 3.0
FROM generate_series(1, {rows}) g;
CREATE INDEX measures_at ON measures (at);
CREATE TABLE more_measures (LIKE measures);
INSERT INTO more_measures
SELECT g % 200, timestamptz '2024-04-02+0' + g * interval '1 second', g FROM generate_series(1, {rows}) g;
CREATE TABLE checked_measures (LIKE measures, CHECK (at >= '2024-04-01+0' AND at < '2024-06-01+0'));
INSERT INTO checked_measures SELECT * FROM more_measures;
CREATE TABLE stock (id bigint PRIMARY KEY, amount integer NOT NULL);
INSERT INTO stock SELECT g, g % 100 FROM generate_series(1, {rows} / 2) g;
CREATE TABLE stock_log (id bigserial PRIMARY KEY, stock bigint, before integer, after integer, at timestamptz DEFAULT now());
CREATE FUNCTION log_stock() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO stock_log (stock, before, after) VALUES (NEW.id, OLD.amount, NEW.amount);
    RETURN NULL;
END $$;
CREATE TRIGGER log_stock AFTER UPDATE ON stock FOR EACH ROW EXECUTE FUNCTION log_stock();
CREATE TABLE ledger (id bigint PRIMARY KEY, amount integer NOT NULL);
INSERT INTO ledger SELECT g, g % 100 FROM generate_series(1, {rows} / 2) g;
CREATE FUNCTION log_ledger() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO stock_log (stock, after) SELECT id, amount FROM changed;
    RETURN NULL;
END $$;
CREATE TRIGGER log_ledger AFTER UPDATE ON ledger REFERENCING NEW TABLE AS changed
FOR EACH STATEMENT EXECUTE FUNCTION log_ledger();
CREATE UNLOGGED TABLE scratch (id bigint PRIMARY KEY, value text);
INSERT INTO scratch SELECT g, md5(g::text) FROM generate_series(1, {rows}) g;
CREATE TABLE sparse (id bigint PRIMARY KEY, name text NOT NULL, state integer NOT NULL);
INSERT INTO sparse SELECT g, md5(g::text), g % 5 FROM generate_series(1, {rows} * 2) g;
CREATE INDEX sparse_state ON sparse (state);
DELETE FROM sparse WHERE id % 8 <> 0;
CREATE TABLE lists (id serial PRIMARY KEY, title text NOT NULL);
INSERT INTO lists (title) SELECT (ARRAY['red', 'green', 'blue', 'grey'])[1 + g % 4] FROM generate_series(1, {rows}) g;
CREATE MATERIALIZED VIEW per_tenant AS
SELECT p.tenant, count(DISTINCT p.id) AS people, count(*) AS visits, max(v.at) AS last
FROM people p JOIN visits v ON v.person = p.id GROUP BY p.tenant;
CREATE FUNCTION slug(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT lower(regexp_replace($1, '[^a-zA-Z0-9]+', '-', 'g'))
$$;
"""

_SEEN = {
    "update json key": "UPDATE people SET attributes = jsonb_set(attributes, '{plan}', '9')",
    "backfill uuid": "ALTER TABLE plain ADD COLUMN public_id uuid; UPDATE plain SET public_id = gen_random_uuid()",
    "update by regexp": "UPDATE plain SET name = regexp_replace(name, 'number ([0-9]+)', 'no. \\\\1')",
    "update by subquery": (
        "ALTER TABLE people ADD COLUMN visited integer; "
        "UPDATE people p SET visited = (SELECT count(*) FROM visits v WHERE v.person = p.id)"
    ),
    "delete using": "DELETE FROM visits v USING people p WHERE p.id = v.person AND p.level = 3",
    "insert, conflicts ignored": (
        "INSERT INTO stock SELECT g, 1 FROM generate_series(1, (SELECT max(id) * 2 FROM stock)) g ON CONFLICT DO NOTHING"
    ),
    "trigger for each row": "UPDATE stock SET amount = amount + 1",
    "copy, window": "CREATE TABLE ranked AS SELECT *, row_number() OVER (PARTITION BY tenant ORDER BY name) AS n FROM plain",
    "create view of joins": (
        "CREATE MATERIALIZED VIEW cities AS SELECT p.attributes ->> 'city' AS city, count(*) AS visits "
        "FROM people p JOIN visits v ON v.person = p.id GROUP BY 1"
    ),
    "vacuum full, toast": "VACUUM FULL documents",
    "reindex many": "REINDEX TABLE people",
    "foreign key, validated later": (
        "ALTER TABLE visits ADD CONSTRAINT visits_who FOREIGN KEY (person) REFERENCES people (id) NOT VALID; "
        "ALTER TABLE visits VALIDATE CONSTRAINT visits_who"
    ),
    "varchar to text": "ALTER TABLE plain ALTER COLUMN name TYPE text",
    "text to json": "ALTER TABLE plain ALTER COLUMN raw TYPE jsonb USING raw::jsonb",
    "timestamp to timestamptz, Paris": "SET timezone = 'Europe/Paris'; ALTER TABLE plain ALTER COLUMN at TYPE timestamptz",
    "set logged": "ALTER TABLE scratch SET LOGGED",
    "attach partition, proved": (
        "ALTER TABLE measures ATTACH PARTITION checked_measures FOR VALUES FROM ('2024-04-01+0') TO ('2024-06-01+0')"
    ),
    "index on partitioned": "CREATE INDEX measures_device ON measures (device, at)",
    "generated from json": "ALTER TABLE people ADD COLUMN city text GENERATED ALWAYS AS (attributes ->> 'city') STORED",
    "gin index by path": "CREATE INDEX people_attributes ON people USING gin (attributes jsonb_path_ops)",
    "gist index on range": "CREATE INDEX plain_span ON plain USING gist (span)",
    "covering index": "CREATE INDEX plain_cover ON plain (tenant) INCLUDE (amount, at)",
    "partial unique index": "CREATE UNIQUE INDEX people_once ON people (code) WHERE deleted_at IS NULL",
    "index on json field": "CREATE INDEX people_city ON people ((attributes ->> 'city'))",
    "loop over rows": (
        "DO $$ DECLARE r record; BEGIN FOR r IN SELECT id FROM stock LOOP "
        "UPDATE tasks SET done = true WHERE id = r.id; END LOOP; END $$"
    ),
    "delete a batch": "DELETE FROM visits WHERE id IN (SELECT id FROM visits ORDER BY id LIMIT 5000)",
    "add identity": "ALTER TABLE cells ADD COLUMN number bigserial",
    "update beside toast": "UPDATE documents SET revision = revision + 1",
    "foreign key of two columns": "ALTER TABLE cells ADD FOREIGN KEY (a, b) REFERENCES grid (a, b)",
    "update sparse": "UPDATE sparse SET name = 'x' || name",
    "delete orphans": "DELETE FROM visits v WHERE NOT EXISTS (SELECT FROM people p WHERE p.id = v.person)",
    "merge": (
        "MERGE INTO ledger l USING stock s ON s.id = l.id AND s.id % 2 = 0 WHEN MATCHED THEN UPDATE SET amount = s.amount "
        "WHEN NOT MATCHED THEN INSERT VALUES (s.id + 10000000, s.amount)"
    ),
    "delete a tenth, cascades": "DELETE FROM tenants WHERE id % 10 = 3",
    "column with a stable default": "ALTER TABLE visits ADD COLUMN seen_at timestamptz NOT NULL DEFAULT now()",
    "text becomes enum": (
        "CREATE TYPE colour AS ENUM ('red', 'green', 'blue', 'grey'); "
        "ALTER TABLE lists ALTER COLUMN title TYPE colour USING title::colour"
    ),
    "smallint to integer, many indexes": "ALTER TABLE people ALTER COLUMN level TYPE integer",
    "analyze": "ANALYZE people",
    "copy, distinct": "CREATE TABLE pages AS SELECT DISTINCT page, person FROM visits",
    "check by regexp": "ALTER TABLE people ADD CONSTRAINT valid CHECK (email ~ '^[^@]+@[a-z0-9.]+$')",
    "gin index on words": "CREATE INDEX documents_words ON documents USING gin (to_tsvector('simple', title))",
    "spgist index": "CREATE INDEX plain_name ON plain USING spgist (raw)",
    "index by own function": "CREATE INDEX plain_slug ON plain (slug(name))",
    "deletes in batches": (
        "DO $$ BEGIN LOOP DELETE FROM visits WHERE id IN (SELECT id FROM visits WHERE seconds < 300 LIMIT 2000); "
        "EXIT WHEN NOT FOUND; END LOOP; END $$"
    ),
    "update in toast": "UPDATE documents SET body = body || ' and more'",
    "exclusion": "ALTER TABLE plain ADD CONSTRAINT apart EXCLUDE USING gist (span WITH &&)",
}

_BLIND = {
    "backfill uuid, unique": (
        "ALTER TABLE visits ADD COLUMN ref uuid; UPDATE visits SET ref = gen_random_uuid(); "
        "ALTER TABLE visits ALTER ref SET NOT NULL; CREATE UNIQUE INDEX visits_ref ON visits (ref)"
    ),
    "update from join": "UPDATE visits v SET page = p.code FROM people p WHERE p.id = v.person",
    "update by CTE with window": (
        "ALTER TABLE plain ADD COLUMN place bigint; WITH ranked AS "
        "(SELECT id, row_number() OVER (PARTITION BY tenant ORDER BY at) AS n FROM plain) "
        "UPDATE plain SET place = n FROM ranked WHERE ranked.id = plain.id"
    ),
    "delete, partition by partition": "DELETE FROM measures WHERE at < '2024-02-01+0'",
    "insert, conflicts updated": (
        "INSERT INTO grid SELECT a, b + 1, 'new' FROM grid ON CONFLICT (a, b) DO UPDATE SET value = excluded.value"
    ),
    "trigger for each statement": "UPDATE ledger SET amount = amount + 1",
    "refresh joined": "REFRESH MATERIALIZED VIEW per_tenant",
    "cluster, uuid": "CLUSTER plain USING plain_pkey",
    "reindex concurrently": "REINDEX INDEX CONCURRENTLY people_ref",
    "varchar widened": "ALTER TABLE people ALTER COLUMN email TYPE varchar(200)",
    "varchar narrowed": "ALTER TABLE people ALTER COLUMN email TYPE varchar(100)",
    "timestamp to timestamptz, UTC": "SET timezone = 'UTC'; ALTER TABLE plain ALTER COLUMN at TYPE timestamptz",
    "set unlogged, uuid": "ALTER TABLE plain SET UNLOGGED",
    "attach partition, scanned": (
        "ALTER TABLE measures ATTACH PARTITION more_measures FOR VALUES FROM ('2024-04-01+0') TO ('2024-06-01+0')"
    ),
    "rows move between partitions": "UPDATE measures SET at = at + interval '15 days' WHERE at < '2024-02-01+0'",
    "update generated": (
        "ALTER TABLE plain ADD COLUMN size integer GENERATED ALWAYS AS (length(raw)) STORED; UPDATE plain SET raw = raw || ' '"
    ),
    "hash index on uuid": "CREATE INDEX plain_id ON plain USING hash (id)",
    "index of four columns": "CREATE INDEX people_four ON people (tenant, level, born, code)",
    "index of two expressions": "CREATE INDEX people_two ON people (upper(code) DESC, (born + level))",
    "soft delete": "UPDATE people SET deleted_at = now() WHERE level = 2",
    "copy, toast": "CREATE TABLE documents_old AS SELECT * FROM documents",
    "delete in sparse": "DELETE FROM sparse WHERE state = 2",
    "delete duplicates": "DELETE FROM lists a USING lists b WHERE a.title = b.title AND a.id > b.id AND b.id <= 4",
    "drop parents' table": "DROP TABLE documents",
    "insert numbers": (
        "CREATE TABLE numbers (n bigint PRIMARY KEY, word text); INSERT INTO numbers SELECT g, md5(g::text) "
        "FROM generate_series(1, 100000) g"
    ),
    "normalised table": (
        "CREATE TABLE hosts (id serial PRIMARY KEY, name text UNIQUE); INSERT INTO hosts (name) "
        "SELECT DISTINCT split_part(email, '@', 2) FROM people; ALTER TABLE people ADD COLUMN host integer; "
        "UPDATE people SET host = h.id FROM hosts h WHERE h.name = split_part(email, '@', 2); "
        "ALTER TABLE people ADD FOREIGN KEY (host) REFERENCES hosts (id)"
    ),
    "function called once": (
        "CREATE FUNCTION fill() RETURNS void LANGUAGE sql AS $$ UPDATE tasks SET state = 'closed' $$; SELECT fill()"
    ),
}

BLIND = frozenset(_BLIND)

OPERATIONS = {**_SEEN, **_BLIND}

OUTSIDE = ("vacuum full, toast", "reindex concurrently", "analyze")
"""Those that no transaction block takes, or that need none."""
